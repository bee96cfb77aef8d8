//! The state file as a place for cursors.

use super::{LoadError, State};
use crate::cursor::{Commit, CursorStore, Position, StoreError};

impl CursorStore for State {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        match self.load(source, partition).await {
            Ok(cursor) => Ok(cursor.map_or(Position::NeverRead, Position::At)),
            Err(LoadError::Envelope(error)) => Ok(Position::Lost(error.to_string())),
            Err(LoadError::State(error)) => Err(StoreError::new(error)),
        }
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        self.store(commit).await.map_err(StoreError::new)
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        self.partitions(source).await.map_err(StoreError::new)
    }
}
