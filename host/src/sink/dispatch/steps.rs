//! What is known of the events of a delivery.

use std::ops::Range;

/// What is known of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not settled.
    Open,
    Accepted,
    /// Refused by name, while others in the same request were taken.
    Named(String),
}

/// A part of the search for events that a receiver counts and does not name.
pub(super) enum Step {
    /// Not sent by itself yet.
    Ask(Range<usize>),
    /// So many of its events are refused; none: some.
    Known(Range<usize>, Option<usize>),
}
