//! Sums over batches.

use std::ops::AddAssign;

use super::measure::{Measure, MeasureKind};

/// What batches came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events delivered.
    pub events: u64,
    /// Items rejected.
    pub rejected: u64,
    /// Those of them that a sink refused.
    pub refused: u64,
    /// Records left out by the operator's rules.
    pub dropped: u64,
    /// Records recognised as delivered before.
    pub duplicates: u64,
    /// Requests sent upstream.
    pub requests: u64,
}

impl Totals {
    /// What the measures of a call say.
    pub(crate) fn from_measures(measures: &[Measure]) -> Self {
        Self {
            dropped: sum(measures, "dropped"),
            duplicates: sum(measures, "duplicates"),
            ..Self::default()
        }
    }
}

/// A counter over all its labels.
fn sum(measures: &[Measure], name: &str) -> u64 {
    measures
        .iter()
        .filter(|measure| measure.name == name && measure.kind == MeasureKind::Counter)
        .fold(0, |sum, measure| sum.saturating_add(measure.value))
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, more: &Self) {
        self.events = self.events.saturating_add(more.events);
        self.rejected = self.rejected.saturating_add(more.rejected);
        self.refused = self.refused.saturating_add(more.refused);
        self.dropped = self.dropped.saturating_add(more.dropped);
        self.duplicates = self.duplicates.saturating_add(more.duplicates);
        self.requests = self.requests.saturating_add(more.requests);
    }
}
