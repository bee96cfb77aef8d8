//! How many dead letters sources have, and since when: looked at now and then, whoever adds or removes them.

#![expect(clippy::disallowed_methods, reason = "runs on a thread of its own")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rotation::is_rotated;
use crate::file::directory::folder_of;
use crate::file::identity::FileIdentity;
use crate::file::line_file::whole_lines;
use crate::file::regular_file::open_existing;

/// The dead letters of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterCount {
    /// How many there are.
    pub letters: u64,
    /// When the oldest one was kept, in RFC 3339, if it says that.
    pub oldest: Option<String>,
}

/// Counts dead letters, and reads what is new only.
#[derive(Debug, Default)]
pub struct LetterCounts {
    files: HashMap<PathBuf, Counted>,
}

/// What was read of a file.
#[derive(Debug)]
struct Counted {
    identity: FileIdentity,
    read: u64,
    /// By source: several may share a file.
    sources: BTreeMap<String, LetterCount>,
}

#[derive(Deserialize)]
struct Head {
    source: String,
    time: Option<String>,
}

impl LetterCounts {
    /// Counts the letters of these sources, each with its file. A file that cannot be read has none; whoever writes to it says
    /// what is wrong with it.
    pub fn look(&mut self, sources: &[(String, PathBuf)]) -> Vec<(String, LetterCount)> {
        let mut folders: HashMap<PathBuf, BTreeSet<PathBuf>> = HashMap::new();
        let mut counts = Vec::with_capacity(sources.len());
        let mut used = BTreeSet::new();
        for (source, path) in sources {
            let folder = folder_of(path);
            let names = folders
                .entry(folder.to_owned())
                .or_insert_with(|| names_of(folder));
            let mut sum = LetterCount::default();
            for file in files_of(path, folder, names) {
                // Already looked at for another source.
                if used.insert(file.clone()) && self.refresh(&file).is_err() {
                    self.files.remove(&file);
                }
                if let Some(count) = self
                    .files
                    .get(&file)
                    .and_then(|counted| counted.sources.get(source))
                {
                    sum.letters += count.letters;
                    sum.oldest = sum.oldest.or_else(|| count.oldest.clone());
                }
            }
            counts.push((source.clone(), sum));
        }
        self.files.retain(|file, _| used.contains(file));
        counts
    }

    /// Reads what has come since the last time; all of it, if the file is another.
    fn refresh(&mut self, path: &Path) -> io::Result<()> {
        let Some(mut file) = open_existing(path)? else {
            self.files.remove(path);
            return Ok(());
        };
        let (identity, length) = (FileIdentity::of(path), file.metadata()?.len());
        let known = self.files.remove(path);
        let known = known.filter(|counted| counted.identity == identity && counted.read <= length);
        let mut counted = known.unwrap_or_else(|| Counted {
            identity,
            read: 0,
            sources: BTreeMap::new(),
        });
        counted.read_on(&mut file)?;
        self.files.insert(path.to_owned(), counted);
        Ok(())
    }
}

impl Counted {
    fn read_on(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.read))?;
        whole_lines(file, |line| {
            self.read += line.len() as u64;
            if let Ok(Head { source, time }) = serde_json::from_slice(line) {
                let count = self.sources.entry(source).or_default();
                count.letters += 1;
                count.oldest = count.oldest.take().or(time);
            }
            Ok(())
        })
    }
}

fn names_of(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())))
        .collect()
}

/// The files of a source that are there, the oldest first.
fn files_of(path: &Path, folder: &Path, names: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let (Some(stem), Some(name)) = (path.file_stem(), path.file_name()) else {
        return Vec::new();
    };
    let begins = |candidate: &&PathBuf| {
        candidate
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(stem.as_encoded_bytes())
    };
    let from = names.range(PathBuf::from(stem)..).take_while(begins);
    let rotated = from
        .map(|name| folder.join(name))
        .filter(|file| is_rotated(path, file));
    let mut files: Vec<PathBuf> = rotated.collect();
    if names.contains(Path::new(name)) {
        files.push(path.to_owned());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rejected;
    use crate::sink::{DeadLetters, LetterFile, Rotation};

    #[tokio::test]
    async fn letters_are_counted_as_they_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(format!("{name}.dead.ndjson"));
        let item = Rejected {
            id: None,
            reason: "x".to_owned(),
            raw: b"{}".to_vec(),
            refused: None,
        };
        let rotation = Rotation {
            size: Some(200),
            every: None,
        };
        let letters = |name: &str| DeadLetters::new(name, path(name), rotation);
        let (a, b) = (letters("a"), letters("a.dead"));
        let sources = [("a".to_owned(), path("a")), ("a.dead".to_owned(), path("a.dead"))];
        let mut counts = LetterCounts::default();
        let mut look = || -> Vec<u64> {
            counts
                .look(&sources)
                .into_iter()
                .map(|(_, count)| count.letters)
                .collect()
        };
        assert_eq!(look(), [0, 0]);
        for _ in 0..4 {
            a.keep("p", std::slice::from_ref(&item)).await.unwrap();
        }
        b.keep("p", &[item.clone(), item]).await.unwrap();
        assert_eq!(look(), [4, 2], "those in rotated files count");
        let mut files = LetterFile::all(&path("a")).unwrap();
        assert!(files.len() > 1);
        files[0].remove(&BTreeSet::from([0])).unwrap();
        assert_eq!(look(), [3, 2]);
        let oldest = counts.look(&sources)[0].1.oldest.clone();
        assert!(oldest.is_some_and(|time| time.ends_with('Z')));
    }
}
