//! The state for a host that exists before its state does: it is created only for a configuration that works.

use std::sync::Arc;

#[cfg(feature = "postgres")]
use headwater::cursor::postgres::PostgresStore;
use headwater::cursor::state_file::State;
use headwater::cursor::{Commit, CursorStore, Position, StoreError};
use tokio::sync::watch;

/// What is open.
#[derive(Debug, Clone)]
pub enum Opened {
    /// The state file.
    File(State),
    /// The database.
    #[cfg(feature = "postgres")]
    Database(PostgresStore),
}

/// Where the state is while it is open.
type Place = Arc<watch::Sender<Option<Opened>>>;

/// Opens and closes a [`LateState`].
#[derive(Debug)]
pub struct Slot(Place);

/// A store that works while the state file is open.
#[derive(Debug)]
pub struct LateState(Place);

/// A pair of both.
pub fn channel() -> (Slot, LateState) {
    let place = Place::new(watch::Sender::new(None));
    (Slot(place.clone()), LateState(place))
}

impl Slot {
    /// The state is open from now on.
    pub fn fill(&self, state: Opened) {
        self.0.send_replace(Some(state));
    }
}

/// Closes the file, whoever still has the store: a file that was closed is opened faster the next time, and what is damaged in
/// it is found entry by entry.
impl Drop for Slot {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

impl LateState {
    fn state(&self) -> Result<Opened, StoreError> {
        let state = self.0.borrow().clone();
        state.ok_or_else(|| StoreError::new("the state is not open"))
    }
}

impl CursorStore for LateState {
    async fn ready(&self, source: &str) {
        match self.state() {
            #[cfg(feature = "postgres")]
            Ok(Opened::Database(store)) => store.ready(source).await,
            Ok(Opened::File(_)) | Err(_) => {
                let _ = source;
            }
        }
    }

    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        match self.state()? {
            Opened::File(state) => CursorStore::load(&state, source, partition).await,
            #[cfg(feature = "postgres")]
            Opened::Database(store) => store.load(source, partition).await,
        }
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        match self.state()? {
            Opened::File(state) => CursorStore::commit(&state, commit).await,
            #[cfg(feature = "postgres")]
            Opened::Database(store) => store.commit(commit).await,
        }
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        match self.state()? {
            Opened::File(state) => CursorStore::partitions(&state, source).await,
            #[cfg(feature = "postgres")]
            Opened::Database(store) => store.partitions(source).await,
        }
    }
}
