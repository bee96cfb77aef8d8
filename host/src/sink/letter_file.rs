//! Reads a dead-letter file, and takes letters out of it that were delivered after all. A host may go on appending to it meanwhile.

#![expect(
    clippy::disallowed_methods,
    reason = "runs where waiting is allowed: in commands, or on a thread of its own"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::letter::Letter;
use super::rotation::is_rotated;
use crate::file::directory::{folder_of, sync_name};
use crate::file::identity::file_number;
use crate::file::line_file::{lock_for_writing, whole_lines};
use crate::file::regular_file::{open_existing, open_or_create};

/// A dead-letter file that exists.
#[derive(Debug)]
pub struct LetterFile {
    path: PathBuf,
    file: File,
}

/// A letter and its place in the file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlacedLetter {
    /// Where its line begins, in bytes.
    pub place: u64,
    /// The letter; none for a line that is none.
    pub letter: Option<Letter>,
}

impl LetterFile {
    /// The files of a source: those that were rotated, the oldest first, and the present one.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn all(path: &Path) -> io::Result<Vec<Self>> {
        let folder = folder_of(path);
        let mut paths = Vec::new();
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let candidate = folder.join(entry?.file_name());
                    if is_rotated(path, &candidate) {
                        paths.push(candidate);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        paths.sort();
        paths.push(path.to_owned());
        let mut files = Vec::new();
        for path in paths {
            if let Some(file) = open_existing(&path)? {
                files.push(Self { path, file });
            }
        }
        Ok(files)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands over each letter, until that fails.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or what the letters are handed to fails.
    pub fn each<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(PlacedLetter) -> Result<(), E>,
    ) -> Result<(), E> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut place = 0;
        whole_lines(&self.file, |line| {
            let letter = serde_json::from_slice(line).ok();
            take(PlacedLetter { place, letter })?;
            place += line.len() as u64;
            Ok(())
        })
    }

    /// Removes the letters at these places. What was appended meanwhile stays.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or was exchanged meanwhile; then all letters are still there.
    pub fn remove(&mut self, places: &BTreeSet<u64>) -> io::Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        lock_for_writing(&self.file)?;
        if !is_same(&self.file, &self.path)? {
            let problem = "it was rotated or exchanged meanwhile; what was delivered is still listed in it";
            return Err(io::Error::other(problem));
        }
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let new_path = PathBuf::from(name);
        // What an interrupted removal left behind.
        match std::fs::remove_file(&new_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = open_or_create(&new_path)?;
        let is_empty = self.copy_without(places, &mut new)?;
        new.sync_all()?;
        if is_empty {
            std::fs::remove_file(&new_path)?;
            std::fs::remove_file(&self.path)?;
        } else {
            std::fs::rename(&new_path, &self.path)?;
        }
        sync_name(&self.path)
    }

    /// Copies all other lines; returns whether there are none.
    fn copy_without(&mut self, places: &BTreeSet<u64>, new: &mut File) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&self.file);
        let mut writer = io::BufWriter::new(new);
        let (mut place, mut is_empty) = (0, true);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                writer.flush()?;
                return Ok(is_empty);
            }
            if !places.contains(&place) {
                writer.write_all(&line)?;
                is_empty = false;
            }
            place += read as u64;
        }
    }
}

/// Whether a path still leads to an open file.
fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    let named = match std::fs::metadata(path) {
        Ok(named) => named,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let open = file.metadata()?;
    Ok(match file_number(&open) {
        Some(number) => Some(number) == file_number(&named),
        None => open.len() == named.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rejected;
    use crate::sink::{DeadLetters, Rotation};

    fn item(id: &str) -> Rejected {
        Rejected {
            id: Some(id.to_owned()),
            reason: "x".to_owned(),
            raw: b"{}".to_vec(),
            refused: None,
        }
    }

    fn ids(path: &Path) -> Vec<String> {
        let mut ids = Vec::new();
        for mut file in LetterFile::all(path).unwrap() {
            file.each(|placed| {
                ids.extend(placed.letter.and_then(|letter| letter.id));
                Ok::<_, io::Error>(())
            })
            .unwrap();
        }
        ids
    }

    #[tokio::test]
    async fn removed_letters_are_gone_and_what_comes_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let letters = DeadLetters::new("contoso", path.clone(), Rotation::default());
        letters
            .keep("p", &[item("1"), item("2"), item("3")])
            .await
            .unwrap();
        let mut file = LetterFile::all(&path).unwrap().pop().unwrap();
        let mut places = Vec::new();
        file.each(|placed| {
            places.push(placed.place);
            Ok::<_, io::Error>(())
        })
        .unwrap();
        letters.keep("p", &[item("4")]).await.unwrap();
        file.remove(&BTreeSet::from([places[0], places[2]])).unwrap();
        assert_eq!(ids(&path), ["2", "4"]);
        // The file that was open has been exchanged, which is noticed.
        assert!(file.remove(&BTreeSet::from([places[1]])).is_err());
        letters.keep("p", &[item("5")]).await.unwrap();
        assert_eq!(ids(&path), ["2", "4", "5"]);
    }

    #[tokio::test]
    async fn a_file_whose_last_letter_goes_goes_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let letters = DeadLetters::new("contoso", path.clone(), Rotation::default());
        letters.keep("p", &[item("1")]).await.unwrap();
        LetterFile::all(&path)
            .unwrap()
            .pop()
            .unwrap()
            .remove(&BTreeSet::from([0]))
            .unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn rotated_files_are_read_before_the_present_one_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contoso.dead.ndjson");
        let rotation = Rotation {
            size: Some(150),
            every: None,
        };
        let letters = DeadLetters::new("contoso", path.clone(), rotation);
        for id in ["1", "2", "3"] {
            letters.keep("p", &[item(id)]).await.unwrap();
        }
        for other in [
            "contoso.ndjson",
            "contoso.dead.old.ndjson",
            "xcontoso.dead.20260131T235959.123Z.ndjson",
        ] {
            std::fs::write(folder.path().join(other), "{}\n").unwrap();
        }
        assert!(LetterFile::all(&path).unwrap().len() > 1);
        assert_eq!(ids(&path), ["1", "2", "3"]);
    }
}
