//! A file, one event a line. Accepted when the disk has it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::line_writer::write_lines;
use super::rotation::{Rotation, put_away_name};
use super::{Accepted, DeliverFuture, Delivery, Sink, SinkError, Undelivered};
use crate::file::line_file::LineFile;
use crate::work::file_work::FileWork;

pub(super) struct FileSink {
    path: PathBuf,
    rotation: Rotation,
    file: Arc<Mutex<LineFile>>,
    work: FileWork,
}

impl FileSink {
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            rotation,
            file: Arc::new(Mutex::new(LineFile::open(path)?)),
            work: FileWork::default(),
        })
    }

    /// When it begins a new file.
    pub(super) fn rotation(&self) -> Rotation {
        self.rotation
    }

    /// Whether there is nothing to do for a delivery without events: no line to write, and no file that has had its time.
    fn has_nothing_to_do(&self) -> bool {
        // While somebody writes, whoever comes next sees for himself.
        self.file.try_lock().is_ok_and(|file| {
            let (length, written) = file.extent();
            !self.rotation.is_due(length, written, 0, SystemTime::now())
        })
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a> {
        let events = delivery.events;
        // Most deliveries of a large fleet are of this kind, and a thread for each costs more than the poll.
        if events.is_empty() && self.has_nothing_to_do() {
            return Box::pin(std::future::ready(Ok(Accepted::default())));
        }
        let length = events.iter().map(|event| event.body.len() as u64 + 1).sum();
        let (file, rotation) = (self.file.clone(), self.rotation);
        Box::pin(async move {
            let written = write_lines(&self.work, events, move |lines| {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                write(&mut file, rotation, lines, length, SystemTime::now())
            });
            match written.await {
                Ok(()) => Ok(Accepted::default()),
                Err(error) => {
                    let reason = format!("cannot write to {}: {error}", self.path.display());
                    Err(Undelivered::all(events.len(), SinkError::unavailable(reason)))
                }
            }
        })
    }
}

/// Appends lines, `more` bytes in all, to a new file if the present one has had its time.
fn write(
    file: &mut LineFile,
    rotation: Rotation,
    lines: impl IntoIterator<Item = impl AsRef<[u8]>>,
    more: u64,
    now: SystemTime,
) -> io::Result<()> {
    let (length, written) = file.extent();
    if rotation.is_due(length, written, more, now) {
        let name = put_away_name(file.path(), now);
        file.put_away(&name)
            .map_err(|error| io::Error::new(error.kind(), format!("it is due for rotation, but {error}")))?;
    }
    file.append_pieces(lines, more, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_line_is_in_one_file_and_no_file_is_larger_than_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let rotation = Rotation {
            size: Some(30),
            every: None,
        };
        let now = SystemTime::now();
        let mut written = String::new();
        for number in 10..30 {
            // Reopened now and then, as after a restart.
            let mut file = LineFile::open(&path).unwrap();
            for part in 0..3 {
                let line = format!("{number}-{part}\n");
                write(&mut file, rotation, [&line], line.len() as u64, now).unwrap();
                written += &line;
            }
        }
        let mut names: Vec<PathBuf> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        let contents: Vec<String> = names
            .iter()
            .map(|name| std::fs::read_to_string(name).unwrap())
            .collect();
        assert_eq!(contents.concat(), written, "{names:?}");
        assert!(contents.len() > 1 && contents.iter().all(|content| content.len() <= 30));
    }

    #[test]
    fn a_period_that_ended_while_nobody_was_running_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let hourly = Rotation {
            size: None,
            every: Some(Duration::from_secs(3600)),
        };
        std::fs::write(&path, "old\n").unwrap();
        let mut file = LineFile::open(&path).unwrap();
        let later = SystemTime::now() + Duration::from_secs(7200);
        write(&mut file, hourly, ["one\n"], 4, later).unwrap();
        write(&mut file, hourly, ["two\n"], 4, later).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
