//! What a source delivers.

use std::sync::Arc;

use super::attribute::Attribute;

/// One event, ready for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The upstream's identity of the record, unique within its partition. At most 1,024 bytes.
    pub id: String,
    /// When it happened, in nanoseconds since 1970; none when its source does not know.
    pub time: Option<u64>,
    /// OpenTelemetry SeverityNumber, 1 to 24; 0 when unknown.
    pub severity: u8,
    /// What is true of this event and not of its whole partition; at most 32, each name once.
    pub attributes: Vec<Attribute>,
    /// One JSON object on one line.
    pub body: String,
}

/// One item that was read and is not an event: a record that the source could not make sense of, or one that breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its identity, if that much is known.
    pub id: Option<String>,
    /// Why it was rejected, in one sentence.
    pub reason: String,
    /// The bytes as received, or the event's body.
    pub raw: Vec<u8>,
    /// For an event that a sink refused: what it takes, beside its id and its body, to deliver it later after all.
    pub refused: Option<Box<RefusedEvent>>,
}

/// What is known about an event that a sink refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEvent {
    /// When it happened, in nanoseconds since 1970; none when its source does not know.
    pub time: Option<u64>,
    /// OpenTelemetry SeverityNumber, 1 to 24; 0 when unknown.
    pub severity: u8,
    /// What is true of this event and not of its whole partition.
    pub attributes: Vec<Attribute>,
    /// What is true of each event of its partition.
    pub partition_attributes: Arc<[Attribute]>,
}

impl Rejected {
    /// Its size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.id.as_ref().map_or(0, String::len) + self.reason.len() + self.raw.len()
    }
}
