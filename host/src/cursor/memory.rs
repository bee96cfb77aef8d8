//! Cursors that last as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::store::{Commit, CursorStore, Position, StoreError};

/// Keeps cursors in memory: for tests, and for whoever keeps them otherwise. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Cursors>>);

type Cursors = BTreeMap<(String, String), Vec<u8>>;

impl MemoryStore {
    /// A store without cursors.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cursors) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CursorStore for MemoryStore {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        let key = (source.to_owned(), partition.to_owned());
        let cursor = self.with(|cursors| cursors.get(&key).cloned());
        Ok(cursor.map_or(Position::NeverRead, Position::At))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let key = (commit.source.to_owned(), commit.partition.to_owned());
        self.with(|cursors| cursors.insert(key, commit.cursor.to_vec()));
        Ok(())
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let of_source = |cursors: &mut Cursors| {
            let keys = cursors.keys().filter(|(name, _)| name == source);
            keys.map(|(_, partition)| partition.clone()).collect()
        };
        Ok(self.with(of_source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clones_share_the_cursors_and_sources_do_not() {
        let store = MemoryStore::new();
        let commit = |source, cursor| Commit::new(source, "p", "x 1.0.0", cursor);
        store.clone().commit(commit("contoso", b"1 a")).await.unwrap();
        store.commit(commit("contoso", b"1 b")).await.unwrap();
        assert_eq!(
            store.load("contoso", "p").await.unwrap(),
            Position::At(b"1 b".to_vec())
        );
        assert_eq!(store.load("fabrikam", "p").await.unwrap(), Position::NeverRead);
        assert_eq!(store.partitions("contoso").await.unwrap(), ["p"]);
        assert!(store.partitions("fabrikam").await.unwrap().is_empty());
    }
}
