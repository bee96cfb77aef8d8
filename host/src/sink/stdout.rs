//! Standard output, for people and pipes. Accepted when written; a reader that dies loses what is in the pipe.

use std::io::{self, Write};

use super::{Accepted, Delivery, Sink, SinkError, lines};
use crate::batch::Event;

pub(super) struct StdoutSink;

impl Sink for StdoutSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        let lines = lines(events);
        Box::pin(async move {
            // A pipe whose reader is slow blocks, and only this source may wait for it.
            let written = tokio::task::spawn_blocking(move || write(&lines)).await;
            match written.map_err(io::Error::other).flatten() {
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

fn write(lines: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()
}
