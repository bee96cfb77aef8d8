//! Where cursors are kept between polls.

mod budget;
mod entry;
mod envelope;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redb")]
pub mod state_file;
mod store;

pub(crate) use budget::{CursorBudget, KEPT_IN_MEMORY};
pub use entry::{Entry, NewCursor};
pub use envelope::{Envelope, EnvelopeError};
pub use memory::MemoryStore;
pub(crate) use store::DynCursorStore;
pub use store::{Commit, CursorStore, Position, StoreError};
