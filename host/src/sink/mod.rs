//! Where events go. A sink takes a batch and says whether it is safe there.

mod authorization;
mod batch_splitter;
mod config;
mod dead_letter;
mod delivery;
mod dispatch;
mod encoding;
mod exchange;
mod file;
mod forward;
mod http;
mod http_client;
mod judge;
mod letter;
#[cfg(feature = "postgres")]
mod letter_claims;
mod letter_count;
mod letter_file;
#[cfg(feature = "postgres")]
mod letter_table;
mod line_writer;
mod oauth2;
mod open_files;
#[cfg(test)]
mod receiver;
mod rotation;
mod stdout;
mod suspect;
mod trial;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use self::forward::ForwardSink;
use self::http::HttpSink;
use self::open_files::OpenFiles;
use self::stdout::StdoutSink;
use crate::egress::{self, OutboundError};
use crate::file::line_file::LineFile;
use crate::model::Event;

pub use self::authorization::Authorization;
pub use self::config::SinkConfig;
pub use self::dead_letter::{DeadLetters, KeepError};
pub use self::delivery::{Accepted, DeliverFuture, Delivery, SinkError, Undelivered};
pub use self::encoding::{AisocConnector, Encoding, SplunkFields};
pub use self::forward::ForwardReceiver;
pub use self::http_client::Endpoint;
pub use self::letter::{Letter, LetterEvent};
#[cfg(feature = "postgres")]
pub use self::letter_claims::{CLAIM, LetterClaims, Untouched};
pub use self::letter_count::{LetterCount, LetterCounts};
pub use self::letter_file::{LetterFile, PlacedLetter};
#[cfg(feature = "postgres")]
pub use self::letter_table::LetterTable;
pub use self::oauth2::ClientCredentials;
pub use self::rotation::Rotation;
pub use self::trial::try_sink;

/// A place for events.
pub trait Sink: Send + Sync {
    /// Delivers events, in order as far as none is refused. Returns once each of them is safe or refused permanently.
    ///
    /// The events that an error names are sent again, so a sink that can take them twice without harm should.
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a>;
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
    /// Standard output was closed.
    #[error("cannot open the sink: {0}")]
    Stdout(io::Error),
    /// There is no way to its receiver.
    #[error("sink.{0}")]
    Outbound(#[from] OutboundError),
}

/// Opens sinks; sources that name the same file share it, as long as one of them has it.
#[derive(Default)]
pub struct Sinks {
    stdout: OnceLock<Arc<StdoutSink>>,
    files: OpenFiles,
}

impl Sinks {
    /// Opens a sink. May block as long as the file system does; sinks that others open meanwhile do not wait for it.
    ///
    /// # Errors
    ///
    /// The settings are of no use, or the file cannot be written.
    pub fn open(&self, config: &SinkConfig) -> Result<Arc<dyn Sink>, OpenError> {
        match config {
            SinkConfig::Stdout => Ok(self.stdout.get_or_init(|| Arc::new(StdoutSink::new())).clone()),
            SinkConfig::File { path, rotation } => match self.files.open(path, *rotation) {
                Ok(sink) => Ok(sink),
                Err(source) => Err(OpenError::File {
                    path: path.clone(),
                    source,
                }),
            },
            SinkConfig::Http { endpoint, encoding } => {
                Ok(Arc::new(HttpSink::new(endpoint.clone(), encoding.clone())?))
            }
            SinkConfig::Forward(receiver) => Ok(Arc::new(ForwardSink::new(receiver.clone()))),
            SinkConfig::Otlp { endpoint } => Ok(Arc::new(HttpSink::new(endpoint.clone(), Encoding::Otlp)?)),
        }
    }

    /// Checks that a sink could be opened, without opening it: another process may have it.
    ///
    /// # Errors
    ///
    /// As of [`Sinks::open`].
    pub fn probe(config: &SinkConfig) -> Result<(), OpenError> {
        match config {
            // A receiver that is away at start may be there later; its source waits for it.
            SinkConfig::Stdout => stdout::probe().map_err(OpenError::Stdout),
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
}

/// Appends the bodies, one a line.
fn push_lines<'a>(lines: &mut String, events: impl Iterator<Item = &'a Event> + Clone) {
    // Growing by and by would copy what is there several times.
    lines.reserve(events.clone().map(|event| event.body.len() + 1).sum());
    for event in events {
        lines.push_str(&event.body);
        lines.push('\n');
    }
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sinks")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// A delivery of the tests.
#[cfg(test)]
fn delivery(events: &[Event]) -> Delivery<'_> {
    static NO_SECRETS: std::sync::LazyLock<crate::redact::Redactor> =
        std::sync::LazyLock::new(Default::default);
    Delivery {
        source: "contoso",
        partition: "p",
        attributes: &[],
        events,
        settled: 0,
        redactor: &NO_SECRETS,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn events(bodies: &[&str]) -> Vec<Event> {
        let event = |body: &&str| Event {
            id: "1".to_owned(),
            time: None,
            severity: 0,
            attributes: Vec::new(),
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
        let sinks = Sinks::default();
        let spellings = [
            folder.path().join("events.ndjson"),
            folder.path().join("./events.ndjson"),
        ];
        for path in &spellings {
            let sink = sinks.open(&file(path, Rotation::default())).unwrap();
            assert_eq!(
                sink.deliver(delivery(&events(&["{}", "{\"a\":1}"])))
                    .await
                    .unwrap(),
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
        let sinks = Sinks::default();
        let daily = Rotation {
            every: Some(Duration::from_secs(24 * 60 * 60)),
            size: None,
        };
        let one = sinks.open(&file(&path, daily)).unwrap();
        let other = sinks.open(&file(&path, daily)).unwrap();
        let error = sinks.open(&file(&path, Rotation::default())).err().unwrap();
        assert!(error.to_string().contains("rotate_every"), "{error}");
        drop((one, other));
        assert!(
            sinks.open(&file(&path, Rotation::default())).is_ok(),
            "nobody has it any more"
        );
    }

    #[tokio::test]
    async fn a_file_that_was_rotated_is_still_shared_and_one_that_got_its_number_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let small = Rotation {
            size: Some(1),
            every: None,
        };
        let sinks = Sinks::default();
        let one = sinks.open(&file(&path, small)).unwrap();
        for _ in 0..2 {
            one.deliver(delivery(&events(&["{}"]))).await.unwrap();
        }
        let other = sinks.open(&file(&path, small)).unwrap();
        assert!(Arc::ptr_eq(&one, &other));
        // What the first file's number belongs to now is somebody else's file.
        let rotated = std::fs::read_dir(folder.path()).unwrap();
        let rotated = rotated
            .map(|entry| entry.unwrap().path())
            .find(|name| *name != path);
        let foreign = folder.path().join("foreign.ndjson");
        std::fs::rename(rotated.unwrap(), &foreign).unwrap();
        assert!(!Arc::ptr_eq(&one, &sinks.open(&file(&foreign, small)).unwrap()));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/events.ndjson");
        let config = file(&path, Rotation::default());
        let error = Sinks::default().open(&config).err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("cannot open the sink {}:", path.display())),
            "{error}"
        );
    }
}
