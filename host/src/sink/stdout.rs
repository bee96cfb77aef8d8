//! Standard output, for people and pipes. Accepted when written; a reader that dies loses what is in the pipe.

use std::io::{self, Write};

use super::pieces::write_lines;
use super::{Accepted, Delivery, Sink, SinkError};
use crate::batch::Event;

pub(super) struct StdoutSink;

impl Sink for StdoutSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        Box::pin(async move {
            // A pipe whose reader is slow blocks, and only this source may wait for it.
            match write_lines(events, write).await {
                Ok(()) => Ok(Accepted::default()),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(SinkError::Gone(
                    "nobody reads standard output any more".to_owned(),
                )),
                Err(error) => Err(SinkError::Unavailable {
                    reason: format!("cannot write to standard output: {error}"),
                    retry_after: None,
                }),
            }
        })
    }
}

fn write(lines: &mut dyn Iterator<Item = String>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for piece in lines {
        stdout.write_all(piece.as_bytes())?;
    }
    stdout.flush()
}
