//! A file of lines that is never left with half a line.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the thread of its file (`file_work`)"
)]

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tracing::warn;

use crate::file::directory::folder_of;
use crate::file::identity::file_number;
use crate::file::last_line::{LastLine, last_line};
use crate::file::regular_file::{open_existing, open_or_create};

/// How long to wait for others that write to a shared file. They hold it for one write.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How often to try meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A file that is appended to, whole lines at a time.
///
/// A crash or a full disk may cut off the last line. It belongs to a batch that was not accepted and will be sent again, so
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
        let file = open_or_create(path)?;
        lock(&file, Duration::ZERO)?;
        Self::repaired(file, path)
    }

    /// Whether `open` would find a file to write to, without creating one and without keeping others from it.
    pub(crate) fn probe(path: &Path) -> io::Result<()> {
        if let Some(mut file) = open_existing(path)? {
            let length = file.metadata()?.len();
            return match last_line(&mut file, length)? {
                LastLine::Foreign => Err(foreign()),
                _ => Ok(()),
            };
        }
        let folder = folder_of(path);
        if folder.is_dir() {
            return Ok(());
        }
        let problem = format!("the directory {} does not exist; create it", folder.display());
        Err(io::Error::new(io::ErrorKind::NotFound, problem))
    }

    /// Tries to write without leaving anything behind. Says what it found, in one sentence.
    pub(crate) fn try_out(path: &Path) -> io::Result<String> {
        Self::probe(path)?;
        let name = path.display();
        if let Some(file) = open_existing(path)? {
            return Ok(match file.try_lock() {
                Ok(()) => format!("{name} can be written"),
                Err(_) => format!("{name} can be written; another process is writing to it at present"),
            });
        }
        let own = folder_of(path).join(format!(".headwater-check-{}", std::process::id()));
        let created = open_or_create(&own).map(drop);
        // Whatever came of it, nothing stays.
        let _ = std::fs::remove_file(&own);
        created.map(|()| format!("{name} can be created"))
    }

    /// Opens or creates the file, and waits a little while somebody else is writing to it.
    pub(crate) fn open_shared(path: &Path) -> io::Result<Self> {
        let file = open_or_create(path)?;
        lock(&file, LOCK_PATIENCE)?;
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
        self.repair()?;
        self.torn = true;
        let written = self.write(pieces, length);
        match written {
            Ok(()) => {
                self.good += length;
                self.torn = false;
                self.written = now;
            }
            Err(_) if self.repair().is_err() => {
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
            self.repair()?;
            self.file.sync_all()?;
            std::fs::rename(&self.path, name)?;
        }
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// Cuts off what a failed write left behind.
    fn repair(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.good)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Notes the length of a fresh file. The beginning of an event at its end, which a crash left behind, is removed; a line
    /// of somebody else is left alone, and the file with it.
    fn repaired(mut file: File, path: &Path) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let length = metadata.len();
        let good = match last_line(&mut file, length)? {
            LastLine::Ended => length,
            LastLine::Fragment(start) => {
                let (path, bytes) = (path.display(), length - start);
                warn!(%path, bytes, "removed an event that a crash had cut off at the end; it is sent again");
                file.set_len(start)?;
                start
            }
            LastLine::Unended => {
                warn!(path = %path.display(), "added the line end that was missing after the last event");
                file.write_all(b"\n")?;
                length + 1
            }
            LastLine::Foreign => return Err(foreign()),
        };
        Ok(Self {
            file,
            path: path.to_owned(),
            good,
            torn: false,
            written: metadata.modified()?,
        })
    }

    fn is_in_place(&self) -> bool {
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(open), Ok(named)) => file_number(&open) == file_number(&named),
            _ => false,
        }
    }
}

/// Hands over the whole lines of a file from where it is read next, each with its end, until that fails. A line without an end
/// is being written, or was cut off; it is nothing yet.
pub(crate) fn whole_lines<E: From<io::Error>>(
    file: &File,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(());
        }
        take(&line)?;
    }
}

/// Keeps others from writing to a shared file, and waits a little while somebody does. Until the file is closed.
pub(crate) fn lock_for_writing(file: &File) -> io::Result<()> {
    lock(file, LOCK_PATIENCE)
}

/// Locks a file against other processes; fails after some time. Waiting without end would be a standstill without a word.
fn lock(file: &File, patience: Duration) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => thread::sleep(LOCK_INTERVAL),
            Err(TryLockError::WouldBlock) => {
                let problem = "another process has locked it, and may be writing to it; stop that one, or use another path";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, problem));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn foreign() -> io::Error {
    let problem =
        "its last line has no end and is not an event; check the path, or add a line end to keep that line";
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_cut_off_when_the_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let long = format!("{{\"a\":\"{}", "x".repeat(200_000));
        for (found, kept) in [
            ("", ""),
            ("one\ntwo\n", "one\ntwo\n"),
            ("one\n{\"a\"", "one\n"),
            ("{", ""),
            ("one\n{\"a\":1}", "one\n{\"a\":1}\n"),
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
    fn a_last_line_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "one\ntwo").unwrap();
        for result in [LineFile::probe(&path), LineFile::open(&path).map(drop)] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("is not an event"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo");
    }

    #[test]
    fn a_shared_file_that_stays_locked_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.ndjson");
        let _first = LineFile::open(&path).unwrap();
        let error = LineFile::open_shared(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(
            error.to_string().contains("another process has locked it"),
            "{error}"
        );
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
        use std::fs::OpenOptions;

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
