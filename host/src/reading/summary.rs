//! What a batch came to.

use crate::model::Totals;

/// What a batch came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) totals: Totals,
    /// Bytes of all bodies, those aside that were refused.
    pub(super) bytes: u64,
    /// Time of the newest event that was not refused, in nanoseconds since 1970; 0 when there is none.
    pub(super) newest: u64,
}
