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
        let Commit {
            source,
            partition,
            plugin,
            cursor,
            is_quiet,
        } = commit;
        let committed = match is_quiet {
            true => self.commit_with_others(source, partition, plugin, cursor).await,
            false => self.commit(source, partition, plugin, cursor).await,
        };
        committed.map_err(StoreError::new)
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        self.partitions(source).await.map_err(StoreError::new)
    }
}
