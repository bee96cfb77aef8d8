//! What discovery finds.

use super::attribute::Attribute;

/// Partitions of one source. Each has a task, a cursor, a row and its series: about 10 KiB, so this is 100 MB.
pub(crate) const MOST_PARTITIONS: usize = 10_000;

/// One stream of a source that is read and resumed on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its name: stable, printable ASCII without blanks, at most 256 bytes.
    pub id: String,
    /// Names under which earlier versions of the plugin read it, the newest first: where there is no cursor of `id`, reading goes
    /// on after the cursor of the first of these that has one.
    pub formerly: Vec<String>,
    /// A name for people.
    pub title: String,
    /// What is true of each of its events; at most 32, each name once.
    pub attributes: Vec<Attribute>,
    /// Why it cannot be read at present, in one sentence; none when it can.
    pub unavailable: Option<String>,
}

/// What a connection test of a partition found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What works, in one sentence.
    pub summary: String,
    /// What should be looked at although it works.
    pub warnings: Vec<String>,
}
