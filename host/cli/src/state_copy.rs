//! `headwater state copy`: all cursors from a state file to a database, or back.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the main thread, which is not a worker"
)]

use std::collections::HashMap;
use std::path::Path;

use headwater::cursor::postgres::{Address, PostgresError, PostgresStore, USUAL_PATIENCE};
use headwater::cursor::state_file::State;
use headwater::cursor::{Entry, Envelope, EnvelopeError, NewCursor};
use headwater::secret::SecretText;
use thiserror::Error;

use crate::state_place::{StateFile, StatePlace, StatePlaceError};

/// Why cursors cannot be copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// One of the two places cannot be used.
    #[error(transparent)]
    Place(#[from] StatePlaceError),
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

/// Copies all cursors. Whatever is wrong is found before anything is written; a copy that was interrupted may be repeated.
pub async fn copy(from: &str, to: &str, cluster: &str) -> Result<Copied, CopyError> {
    if !is_url(from) && !Path::new(from).exists() {
        return Err(CopyError::Missing(from.to_owned()));
    }
    let source = open(from, cluster).await?;
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
    let destination = open(to, cluster).await?;
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
        let Envelope { plugin, cursor, .. } = envelope;
        let new = NewCursor {
            partition,
            plugin,
            cursor,
        };
        // One at a time: each is there or not, wherever a copy is interrupted.
        destination.put(&source_name, &[new]).await?;
        copied.copied += 1;
    }
    Ok(copied)
}

fn is_url(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

async fn open(place: &str, cluster: &str) -> Result<StatePlace, CopyError> {
    if !is_url(place) {
        let state = State::open(Path::new(place)).map_err(StatePlaceError::from)?;
        return Ok(StatePlace::File(StateFile::Own(state)));
    }
    let (store, hosts) = open_database(place, cluster)
        .await
        .map_err(StatePlaceError::from)?;
    if !hosts.is_empty() {
        return Err(CopyError::Running(hosts.join(", ")));
    }
    Ok(StatePlace::Database(store))
}

/// The database, and its hosts that live.
async fn open_database(url: &str, cluster: &str) -> Result<(PostgresStore, Vec<String>), PostgresError> {
    let address = Address::new(SecretText::written(url));
    let store = PostgresStore::open(address, cluster, USUAL_PATIENCE).await?;
    let hosts = store.live_hosts().await?;
    Ok((store, hosts))
}
