//! Numbers that a source gives about a call.

/// One number about a call. The contract lists the names that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// What is measured, in lower case and underscores.
    pub name: String,
    /// How it goes together with earlier ones.
    pub kind: MeasureKind,
    /// Tells measures of one name apart; empty where there is only one.
    pub label: String,
    /// In the unit that the name ends in, otherwise a count.
    pub value: u64,
}

/// Whether a measure is added up or replaces its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasureKind {
    /// An amount that occurred in the call.
    Counter,
    /// The current value.
    Gauge,
}
