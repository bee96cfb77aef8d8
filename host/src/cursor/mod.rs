//! Where cursors are kept between polls.

mod budget;
mod memory;
#[cfg(feature = "redb")]
pub mod state_file;
mod store;

pub(crate) use budget::{CursorBudget, KEPT_IN_MEMORY};
pub use memory::MemoryStore;
pub(crate) use store::DynCursorStore;
pub use store::{Commit, CursorStore, Position, StoreError};
