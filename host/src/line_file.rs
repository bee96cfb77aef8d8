//! A file of lines that is never left with half a line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::warn;

use crate::folder::sync_name;

/// Read at a time while looking backwards for a line end.
const STEP: u64 = 64 << 10;

/// A file that is appended to, whole lines at a time.
///
/// A crash or a full disk may cut off the last line. It belongs to a batch that was not accepted and will come again, so
/// it is cut off: when the file is opened, and after every write that failed.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    path: PathBuf,
    /// The length up to which everything was accepted.
    good: u64,
    /// Whether something unaccepted may stand behind that.
    torn: bool,
    /// When it was last written to.
    written: SystemTime,
}

impl LineFile {
    /// Opens or creates the file for this process alone; fails when another one is writing to it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing to it")
            }
            TryLockError::Error(error) => error,
        })?;
        Self::repaired(file, path)
    }

    /// Whether `open` would find a file to write to, without making one and without keeping others from it.
    pub(crate) fn probe(path: &Path) -> io::Result<()> {
        if path.exists() {
            return OpenOptions::new().append(true).open(path).map(drop);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) => std::fs::read_dir(folder).map(drop),
            None => Ok(()),
        }
    }

    /// Opens or creates the file, and waits while somebody else is writing to it.
    pub(crate) fn open_shared(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.lock()?;
        Self::repaired(file, path)
    }

    /// Where it is found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes, and when it was last written to.
    pub(crate) fn extent(&self) -> (u64, SystemTime) {
        (self.good, self.written)
    }

    /// Appends whole lines; when this returns, they survive a power cut.
    pub(crate) fn append(&mut self, lines: &[u8], now: SystemTime) -> io::Result<()> {
        self.append_pieces([lines], lines.len() as u64, now)
    }

    /// Appends whole lines that come in pieces, all of them or none; when this returns, they survive a power cut. Fails
    /// if they do not come to `length` bytes.
    pub(crate) fn append_pieces(
        &mut self,
        pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
        length: u64,
        now: SystemTime,
    ) -> io::Result<()> {
        // Somebody who rotates logs may have moved the file away; whatever is written to it now would be missed.
        if !self.is_in_place() {
            *self = Self::open(&self.path)?;
        }
        self.mend()?;
        self.torn = true;
        let written = self.write(pieces, length);
        match written {
            Ok(()) => {
                self.good += length;
                self.torn = false;
                self.written = now;
            }
            Err(_) if self.mend().is_err() => {
                warn!(path = %self.path.display(), "a line may be cut off after a failed write, until the next one");
            }
            Err(_) => {}
        }
        written
    }

    fn write(&mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>, length: u64) -> io::Result<()> {
        let mut written = 0;
        for piece in pieces {
            let piece = piece.as_ref();
            debug_assert!(matches!(piece, [] | [.., b'\n']), "only whole lines are appended");
            self.file.write_all(piece)?;
            written += piece.len() as u64;
        }
        if written != length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "some of it has not come",
            ));
        }
        self.file.sync_data()
    }

    /// Gives the file another name and begins a new one under its own. The old file is whole and on disk before its
    /// name changes; when this is interrupted in between, the next attempt to open makes the new one.
    pub(crate) fn put_away(&mut self, name: &Path) -> io::Result<()> {
        if self.is_in_place() {
            self.mend()?;
            self.file.sync_all()?;
            std::fs::rename(&self.path, name)?;
        }
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// Cuts off what a failed write left behind.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.good)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Notes the length of a fresh file, without its last line if that has no end.
    fn repaired(mut file: File, path: &Path) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let length = metadata.len();
        let good = end_of_last_line(&mut file, length)?;
        if good < length {
            file.set_len(good)?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            good,
            torn: false,
            written: metadata.modified()?,
        })
    }

    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(open), Ok(named)) => identity(open) == identity(named),
            _ => false,
        }
    }

    #[cfg(not(unix))]
    fn is_in_place(&self) -> bool {
        self.path.exists()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    if is_new {
        sync_name(path)?;
    }
    Ok(file)
}

/// The offset behind the last line end; 0 when there is none.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_cut_off_when_the_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let long = "x".repeat(3 * STEP as usize);
        for (found, kept) in [
            ("", ""),
            ("one\ntwo\n", "one\ntwo\n"),
            ("one\ntw", "one\n"),
            ("on", ""),
            (&format!("one\n{long}"), "one\n"),
            (&format!("{long}\n{long}"), &format!("{long}\n")),
        ] {
            std::fs::write(&path, found).unwrap();
            LineFile::open(&path)
                .unwrap()
                .append(b"new\n", SystemTime::now())
                .unwrap();
            assert!(
                std::fs::read_to_string(&path).unwrap() == format!("{kept}new\n"),
                "{found:.20}"
            );
        }
    }

    #[test]
    fn pieces_that_are_not_all_there_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let mut file = LineFile::open(&path).unwrap();
        file.append_pieces(["one\n", "two\n"], 8, SystemTime::now())
            .unwrap();
        let error = file.append_pieces(["three\n"], 11, SystemTime::now());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_second_writer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let _first = LineFile::open(&path).unwrap();
        assert_eq!(
            LineFile::open(&path).unwrap_err().kind(),
            io::ErrorKind::ResourceBusy
        );
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let mut file = LineFile::open(&path).unwrap();
        file.append(b"one\n", SystemTime::now()).unwrap();
        std::fs::rename(&path, folder.path().join("events.1")).unwrap();
        file.append(b"two\n", SystemTime::now()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_refuses_the_lines() {
        let file = OpenOptions::new()
            .append(true)
            .read(true)
            .open("/dev/full")
            .unwrap();
        let mut file = LineFile {
            file,
            path: "/dev/full".into(),
            good: 0,
            torn: false,
            written: SystemTime::now(),
        };
        assert_eq!(
            file.append(b"one\n", SystemTime::now()).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
