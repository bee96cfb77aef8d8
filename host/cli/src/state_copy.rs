//! `headwater state copy`: all cursors from a state file to a database, or back.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::collections::HashMap;
use std::path::Path;

use headwater::cursor::postgres::{Address, PostgresError, PostgresStore, USUAL_PATIENCE};
use headwater::cursor::state_file::{State, StateError};
use headwater::cursor::{Entry, Envelope, EnvelopeError};
use headwater::secret::SecretText;
use thiserror::Error;

/// Why cursors cannot be copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The state file cannot be used.
    #[error(transparent)]
    File(#[from] StateError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] PostgresError),
    /// There is nothing to copy from.
    #[error("there is no state file {0}; check --from")]
    Missing(String),
    /// Cursors that change while they are copied would be of no use.
    #[error("hosts of the cluster are running ({0}); stop them first")]
    Running(String),
    /// A cursor is of no use.
    #[error("source \"{source_name}\", partition \"{partition}\": {error}; nothing was copied")]
    Entry {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
        /// Why.
        error: EnvelopeError,
    },
    /// Another cursor is there already.
    #[error(
        "source \"{source_name}\", partition \"{partition}\" has another cursor at the destination, which would be lost; nothing was \
         copied. Delete one of the two first with `headwater state reset`"
    )]
    Present {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
    },
}

/// What was copied.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Cursors that were not there.
    pub copied: usize,
    /// Cursors that were there as they should be, from an earlier copy.
    pub present: usize,
}

/// One end of a copy.
enum End {
    File(State),
    Database(PostgresStore),
}

/// Copies all cursors. Whatever is wrong is found before anything is written; a copy that was interrupted may be repeated.
pub async fn copy(from: &str, to: &str, cluster: &str) -> Result<Copied, CopyError> {
    if !is_url(from) && !Path::new(from).exists() {
        return Err(CopyError::Missing(from.to_owned()));
    }
    let source = End::open(from, cluster).await?;
    let entries = source.entries().await?;
    let mut whole = Vec::new();
    for Entry {
        source: source_name,
        partition,
        envelope,
    } in entries
    {
        match envelope {
            Ok(envelope) => whole.push((source_name, partition, envelope)),
            Err(error) => {
                return Err(CopyError::Entry {
                    source_name,
                    partition,
                    error,
                });
            }
        }
    }
    let destination = End::open(to, cluster).await?;
    let there = destination.entries().await?.into_iter();
    let there: HashMap<(String, String), Result<Envelope, EnvelopeError>> = there
        .map(|entry| ((entry.source, entry.partition), entry.envelope))
        .collect();
    let mut missing = Vec::new();
    let mut copied = Copied::default();
    for (source_name, partition, envelope) in whole {
        match there.get(&(source_name.clone(), partition.clone())) {
            None => missing.push((source_name, partition, envelope)),
            Some(Ok(other)) if other.cursor == envelope.cursor => copied.present += 1,
            Some(_) => {
                return Err(CopyError::Present {
                    source_name,
                    partition,
                });
            }
        }
    }
    for (source_name, partition, envelope) in missing {
        destination.put(&source_name, &partition, &envelope).await?;
        copied.copied += 1;
    }
    Ok(copied)
}

fn is_url(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

impl End {
    async fn open(place: &str, cluster: &str) -> Result<Self, CopyError> {
        if !is_url(place) {
            return Ok(Self::File(State::open(Path::new(place))?));
        }
        let address = Address::new(SecretText::written(place));
        let store = PostgresStore::open(address, cluster, USUAL_PATIENCE).await?;
        let hosts = store.live_hosts().await?;
        if !hosts.is_empty() {
            return Err(CopyError::Running(hosts.join(", ")));
        }
        Ok(Self::Database(store))
    }

    async fn entries(&self) -> Result<Vec<Entry>, CopyError> {
        Ok(match self {
            Self::File(state) => state.entries().await?,
            Self::Database(store) => store.entries().await?,
        })
    }

    async fn put(&self, source: &str, partition: &str, envelope: &Envelope) -> Result<(), CopyError> {
        let (plugin, cursor) = (&envelope.plugin, &envelope.cursor);
        match self {
            Self::File(state) => state.commit(source, partition, plugin, cursor).await?,
            Self::Database(store) => store.put_missing(source, partition, plugin, cursor).await?,
        }
        Ok(())
    }
}
