//! Stored cursors wherever they are, for commands: in a state file, in a copy of one that a host has, or in a database.

#[cfg(feature = "postgres")]
use headwater::cursor::postgres::{PostgresError, PostgresStore};
use headwater::cursor::state_file::{State, StateCopy, StateError};
use headwater::cursor::{Entry, NewCursor};
use thiserror::Error;

/// Where cursors are.
#[derive(Debug)]
pub enum StatePlace {
    /// In a state file.
    File(StateFile),
    /// In a database.
    #[cfg(feature = "postgres")]
    Database(PostgresStore),
}

/// A state file that can be looked at.
#[derive(Debug)]
pub enum StateFile {
    /// The file itself, which no host has.
    Own(State),
    /// A copy of one that a host has, to be read only.
    Copy(StateCopy),
}

/// Why cursors cannot be read or written.
#[derive(Debug, Error)]
pub enum StatePlaceError {
    /// The state file cannot be used.
    #[error(transparent)]
    File(#[from] StateError),
    /// There is no copy of it any more.
    #[error("there is no copy of the state")]
    NoCopy,
    /// The database cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Database(#[from] PostgresError),
}

impl StatePlace {
    /// All cursors, and those that are missing.
    pub async fn entries(&self) -> Result<Vec<Entry>, StatePlaceError> {
        Ok(match self {
            Self::File(file) => file.state()?.entries().await?,
            #[cfg(feature = "postgres")]
            Self::Database(store) => store.entries().await?,
        })
    }

    /// Stores cursors of partitions that a source has none of; all of them or none.
    pub async fn put(&self, source: &str, cursors: &[NewCursor]) -> Result<(), StatePlaceError> {
        match self {
            Self::File(file) => Ok(file.put(source, cursors).await?),
            #[cfg(feature = "postgres")]
            Self::Database(store) => Ok(store.put_new(source, cursors).await?),
        }
    }

    /// Deletes cursors.
    pub async fn forget(&self, keys: Vec<(String, String)>) -> Result<(), StatePlaceError> {
        match self {
            Self::File(file) => Ok(file.state()?.forget(keys).await?),
            #[cfg(feature = "postgres")]
            Self::Database(store) => Ok(store.forget(&keys).await?),
        }
    }
}

impl StateFile {
    fn state(&self) -> Result<&State, StatePlaceError> {
        match self {
            Self::Own(state) => Ok(state),
            Self::Copy(copy) => copy.state().ok_or(StatePlaceError::NoCopy),
        }
    }

    async fn put(&self, source: &str, cursors: &[NewCursor]) -> Result<(), StatePlaceError> {
        let state = self.state()?;
        for (done, new) in cursors.iter().enumerate() {
            let NewCursor {
                partition,
                plugin,
                cursor,
            } = new;
            if let Err(error) = state.commit(source, partition, plugin, cursor).await {
                let stored = cursors[..done]
                    .iter()
                    .map(|stored| (source.to_owned(), stored.partition.clone()));
                state.forget(stored.collect()).await?;
                return Err(error.into());
            }
        }
        Ok(())
    }
}
