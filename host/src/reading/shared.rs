//! What the tasks of a reading share.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::batch_memory::{Allowance, BatchMemory};
use super::observer::Notices;
use crate::cursor::DynCursorStore;
use crate::work::compute::Compute;

/// What all sources of a host share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Where cursors are kept.
    pub(crate) store: Arc<dyn DynCursorStore>,
    /// Bounds the memory of batches.
    pub(crate) memory: BatchMemory,
    /// Who is told how it goes.
    pub(crate) notices: Notices,
}

/// What one source has for itself.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// What its batches may take of the memory.
    pub(crate) allowance: Allowance,
    /// Its access to the threads that compute.
    pub(crate) compute: Compute,
    /// Held by the reading that is under way: a source is read once at a time.
    pub(crate) only: Arc<Mutex<()>>,
}

impl Lane {
    /// Of a source with this access to the threads that compute.
    pub(crate) fn new(compute: Compute) -> Self {
        Self {
            allowance: Allowance::default(),
            compute,
            only: Arc::default(),
        }
    }
}
