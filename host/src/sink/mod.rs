//! Where events go. A sink takes a batch and says whether it is safe there.

mod authorization;
mod file;
mod forward;
mod halves;
mod http;
mod otlp;
mod pieces;
mod post;
#[cfg(test)]
mod receiver;
mod rotation;
mod shape;
mod stdout;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use self::file::FileSink;
use self::forward::ForwardSink;
use self::http::HttpSink;
use self::otlp::OtlpSink;
use self::stdout::StdoutSink;
use crate::batch::Event;
use crate::config::SinkConfig;
use crate::egress::{self, OutboundError};
use crate::line_file::LineFile;

pub use self::authorization::Authorization;
pub use self::forward::ForwardReceiver;
pub use self::post::Endpoint;
pub use self::rotation::Rotation;
pub use self::shape::{AisocConnector, Shape, SplunkFields};

/// A delivery to come.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Result<Accepted, SinkError>> + Send + 'a>>;

/// A place for events.
pub trait Sink: Send + Sync {
    /// Delivers events, in order. Returns once each of them is safe or refused for good.
    ///
    /// After an error the whole batch comes again, so a sink that can take part of a batch back should.
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a>;
}

/// A batch is settled: everything is safe, but for what was refused for good.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that the sink will never take: their place in the batch, and why.
    pub refused: Vec<(usize, String)>,
}

/// Why a batch is not settled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It may be later.
    #[error("{reason}")]
    Unavailable {
        /// What is in the way.
        reason: String,
        /// Not before this much time has passed, if the receiver says so.
        retry_after: Option<Duration>,
    },
    /// Nobody will ever take events there again in the life of this process.
    #[error("{0}")]
    Gone(String),
}

/// Why a sink cannot be opened at start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its file cannot be written.
    #[error("cannot open the sink {}: {source}; check `sink.path` and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no way to its receiver.
    #[error("sink.{0}")]
    Outbound(#[from] OutboundError),
}

/// Opens sinks; sources that name the same file share it.
#[derive(Default)]
pub struct Sinks {
    files: HashMap<PathBuf, Arc<FileSink>>,
}

impl Sinks {
    /// The sink for the source of this name.
    pub fn open(&mut self, source: &str, config: &SinkConfig) -> Result<Arc<dyn Sink>, OpenError> {
        match config {
            SinkConfig::Stdout => Ok(Arc::new(StdoutSink)),
            SinkConfig::File { path, rotation } => self.open_file(path, *rotation),
            SinkConfig::Http { endpoint, shape } => {
                Ok(Arc::new(HttpSink::new(source, endpoint.clone(), shape.clone())?))
            }
            SinkConfig::Forward(receiver) => Ok(Arc::new(ForwardSink::new(receiver.clone()))),
            SinkConfig::Otlp { endpoint } => Ok(Arc::new(OtlpSink::new(source, endpoint.clone())?)),
        }
    }

    /// Checks that a sink could be opened, without opening it: another process may have it.
    pub fn probe(config: &SinkConfig) -> Result<(), OpenError> {
        match config {
            // A receiver that is away at start may be there later; its source waits for it.
            SinkConfig::Stdout => Ok(()),
            SinkConfig::Forward(receiver) => {
                let trusted = egress::client_config(receiver.ca.as_deref());
                Ok(trusted.map(drop).map_err(OutboundError::from)?)
            }
            SinkConfig::Http { endpoint, .. } | SinkConfig::Otlp { endpoint } => {
                Ok(endpoint.outbound.open().map(drop)?)
            }
            SinkConfig::File { path, .. } => LineFile::probe(path).map_err(|source| OpenError::File {
                path: path.clone(),
                source,
            }),
        }
    }

    fn open_file(&mut self, path: &Path, rotation: Rotation) -> Result<Arc<dyn Sink>, OpenError> {
        let refusal = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };
        // Two spellings of one path must not become two writers.
        let key = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(sink) = self.files.get(&key) {
            if sink.rotation() != rotation {
                return Err(refusal(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "two sources write to it with different `rotate_size` or `rotate_every`",
                )));
            }
            return Ok(sink.clone());
        }
        let sink = Arc::new(FileSink::open(path, rotation).map_err(refusal)?);
        let key = std::fs::canonicalize(path).unwrap_or(key);
        self.files.insert(key, sink.clone());
        Ok(sink)
    }
}

/// The bodies, one a line.
fn lines(events: &[Event]) -> String {
    let size = events.iter().map(|event| event.body.len() + 1).sum();
    events
        .iter()
        .fold(String::with_capacity(size), |mut lines, event| {
            lines.push_str(&event.body);
            lines.push('\n');
            lines
        })
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.files.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bodies: &[&str]) -> Vec<Event> {
        let event = |body: &&str| Event {
            id: "1".to_owned(),
            time: 0,
            severity: 0,
            body: (*body).to_owned(),
        };
        bodies.iter().map(event).collect()
    }

    fn file(path: &Path, rotation: Rotation) -> SinkConfig {
        SinkConfig::File {
            path: path.to_owned(),
            rotation,
        }
    }

    #[tokio::test]
    async fn sources_with_one_file_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut sinks = Sinks::default();
        let spellings = [
            folder.path().join("events.ndjson"),
            folder.path().join("./events.ndjson"),
        ];
        for path in &spellings {
            let sink = sinks.open("contoso", &file(path, Rotation::default())).unwrap();
            assert_eq!(
                sink.deliver(&events(&["{}", "{\"a\":1}"])).await.unwrap(),
                Accepted::default()
            );
        }
        assert_eq!(
            std::fs::read_to_string(&spellings[0]).unwrap(),
            "{}\n{\"a\":1}\n{}\n{\"a\":1}\n"
        );
    }

    #[test]
    fn sources_with_one_file_agree_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let mut sinks = Sinks::default();
        let daily = Rotation {
            every: Some(Duration::from_secs(24 * 60 * 60)),
            size: None,
        };
        assert!(sinks.open("contoso", &file(&path, daily)).is_ok());
        assert!(sinks.open("fabrikam", &file(&path, daily)).is_ok());
        let error = sinks
            .open("tailspin", &file(&path, Rotation::default()))
            .err()
            .unwrap();
        assert!(error.to_string().contains("rotate_every"), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let config = file(Path::new("/nonexistent/events.ndjson"), Rotation::default());
        let error = Sinks::default()
            .open("contoso", &config)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.starts_with("cannot open the sink /nonexistent/events.ndjson:"),
            "{error}"
        );
    }
}
