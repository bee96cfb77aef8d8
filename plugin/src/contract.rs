//! The contract's records as this source uses them: those of the SDK, less what it never says. It replaces its session or keeps
//! it, and its events all have a time and no attributes.

use headwater_source::contract as full;
pub use headwater_source::contract::{
    Attribute, Budget, Fault, Issue, Manifest, Measure, MeasureKind, Nanos, PartitionInfo, Plan, Progress,
    Request, Timestamp,
};

pub use crate::event::{Event, Rejected};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What the host must do.
    pub fault: Fault,
    /// A stable dotted word, for example `azure.throttled`.
    pub code: &'static str,
    /// One sentence, safe to print.
    pub message: String,
    /// What a person should do.
    pub hint: Option<String>,
    /// No further call for this partition before this much time has passed.
    pub retry_after: Option<Nanos>,
    /// A session worth keeping in spite of the error.
    pub session: Option<Vec<u8>>,
    /// What the call counted.
    pub measures: Vec<Measure>,
}

/// What a configuration finds upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Every partition, once.
    pub partitions: Vec<PartitionInfo>,
    /// The newest session.
    pub session: Option<Vec<u8>>,
    /// Numbers about the call.
    pub measures: Vec<Measure>,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was found, in one sentence.
    pub summary: String,
    /// What deserves a look although the test passed.
    pub warnings: Vec<String>,
    /// The newest session.
    pub session: Option<Vec<u8>>,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events.
    pub events: Vec<Event>,
    /// What could not be made an event.
    pub rejected: Vec<Rejected>,
    /// Covers exactly this batch and those before it.
    pub cursor: Vec<u8>,
    /// The newest session.
    pub session: Option<Vec<u8>>,
    /// None = wait the interval, 0 = more is ready now, n = not before.
    pub next_in: Option<Nanos>,
    /// Nothing more was ready when the poll ended.
    pub caught_up: bool,
    /// How far reading has come.
    pub progress: Progress,
    /// Numbers about the call.
    pub measures: Vec<Measure>,
}

/// A session that a call returned, or that there was none to return.
fn change(session: Option<Vec<u8>>) -> full::SessionChange {
    session.map_or(full::SessionChange::Keep, full::SessionChange::Replace)
}

impl From<Error> for full::Error {
    fn from(error: Error) -> Self {
        Self {
            fault: error.fault,
            code: error.code,
            message: error.message,
            hint: error.hint,
            retry_after: error.retry_after,
            session: change(error.session),
            measures: error.measures,
        }
    }
}

impl From<Discovery> for full::Discovery {
    fn from(discovery: Discovery) -> Self {
        Self {
            partitions: discovery.partitions,
            session: change(discovery.session),
            measures: discovery.measures,
        }
    }
}

impl From<Report> for full::Report {
    fn from(report: Report) -> Self {
        Self {
            summary: report.summary,
            warnings: report.warnings,
            session: change(report.session),
        }
    }
}

impl From<Batch> for full::Batch {
    fn from(batch: Batch) -> Self {
        let events = batch.events.into_iter().map(|event| full::Event {
            id: event.id,
            time: Some(event.time),
            severity: event.severity,
            attributes: Vec::new(),
            body: event.body,
        });
        let rejected = batch.rejected.into_iter().map(|item| full::Rejected {
            id: item.id,
            reason: item.reason,
            raw: item.raw,
        });
        Self {
            events: events.collect(),
            rejected: rejected.collect(),
            cursor: batch.cursor,
            session: change(batch.session),
            next_in: batch.next_in,
            caught_up: batch.caught_up,
            progress: Some(batch.progress),
            measures: batch.measures,
        }
    }
}
