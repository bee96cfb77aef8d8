//! The state file for a host that exists before the file does: it is created only for a configuration that works.

use std::sync::{Arc, Mutex, PoisonError};

use headwater::cursor::state_file::State;
use headwater::cursor::{Commit, CursorStore, Position, StoreError};

/// Where the state file is while it is open.
type Place = Arc<Mutex<Option<State>>>;

/// Opens and closes a [`LateState`].
#[derive(Debug)]
pub struct Slot(Place);

/// A store that works while the state file is open.
#[derive(Debug)]
pub struct LateState(Place);

/// A pair of both.
pub fn channel() -> (Slot, LateState) {
    let place = Place::default();
    (Slot(place.clone()), LateState(place))
}

impl Slot {
    /// The file is open from now on.
    pub fn fill(&self, state: State) {
        self.set(Some(state));
    }

    fn set(&self, state: Option<State>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Closes the file, whoever still has the store: a file that was closed is opened faster the next time, and what is damaged in
/// it is found entry by entry.
impl Drop for Slot {
    fn drop(&mut self) {
        self.set(None);
    }
}

impl LateState {
    fn state(&self) -> Result<State, StoreError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.ok_or_else(|| StoreError::new("the state file is not open"))
    }
}

impl CursorStore for LateState {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        CursorStore::load(&self.state()?, source, partition).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        CursorStore::commit(&self.state()?, commit).await
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        CursorStore::partitions(&self.state()?, source).await
    }
}
