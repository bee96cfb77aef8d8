//! A file, one event a line. Accepted when the disk has it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Accepted, Delivery, Sink, SinkError, lines};
use crate::batch::Event;
use crate::line_file::LineFile;

pub(super) struct FileSink {
    path: PathBuf,
    file: Arc<Mutex<LineFile>>,
}

impl FileSink {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(LineFile::open(path)?)),
        })
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        let lines = lines(events);
        let file = self.file.clone();
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                file.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .append(lines.as_bytes())
            });
            match written.await.map_err(io::Error::other).flatten() {
                Ok(()) => Ok(Accepted::default()),
                Err(error) => Err(SinkError::Unavailable {
                    reason: format!("cannot write to {}: {error}", self.path.display()),
                    retry_after: None,
                }),
            }
        })
    }
}
