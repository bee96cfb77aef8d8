//! Standard output, for people and pipes. Accepted when written; a reader that dies loses what is in the pipe.

#![expect(clippy::disallowed_methods, reason = "reads what the kernel itself answers")]

use std::io::{self, Write};
use std::path::Path;

use super::line_writer::{Piece, write_lines};
use super::{Accepted, DeliverFuture, Delivery, Sink, SinkError, Undelivered};
use crate::work::file_work::FileWork;

/// Standard output. All sources that write there take turns.
pub(super) struct StdoutSink {
    work: FileWork,
}

impl StdoutSink {
    pub(super) fn new() -> Self {
        Self {
            work: FileWork::patient(),
        }
    }
}

/// Whether there is a standard output. Where it was closed when the process started, the runtime has opened the null device
/// in its place, for reading and writing; everything would be delivered to nowhere.
pub(super) fn probe() -> io::Result<()> {
    let target = std::fs::read_link("/proc/self/fd/1").unwrap_or_default();
    let about = std::fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    if target == Path::new("/dev/null") && flags.is_some_and(|flags| flags & READ_WRITE != 0) {
        let problem = "standard output is closed, so events would be lost; redirect it to a file or a pipe";
        return Err(io::Error::new(io::ErrorKind::NotConnected, problem));
    }
    Ok(())
}

/// O_RDWR. A shell opens `> /dev/null` for writing only.
const READ_WRITE: u32 = 0o2;

impl Sink for StdoutSink {
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a> {
        let events = delivery.events;
        Box::pin(async move {
            // A pipe whose reader is slow blocks, and only this source may wait for it.
            let written = write_lines(&self.work, events, write).await;
            let error = match written {
                Ok(()) => return Ok(Accepted::default()),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    SinkError::Gone("nobody reads standard output any more".to_owned())
                }
                Err(error) => SinkError::unavailable(format!("cannot write to standard output: {error}")),
            };
            Err(Undelivered::all(events.len(), error))
        })
    }
}

fn write(pieces: &mut dyn Iterator<Item = Piece>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for piece in pieces {
        stdout.write_all(piece.as_ref())?;
    }
    stdout.flush()
}
