//! What a source finds: partitions, and pages of records.

use serde::Serialize;

use crate::contract::{Attribute, Event, Fault, PartitionInfo, Rejected, Timestamp};
use crate::failure::Failure;

/// One stream that can be read and resumed on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition(pub(crate) PartitionInfo);

impl Partition {
    /// A stream with this id, which names the stream itself (its address, its owner), and a title for people.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self(PartitionInfo {
            id: id.into(),
            formerly: Vec::new(),
            title: title.into(),
            attributes: Vec::new(),
            unavailable: None,
        })
    }

    /// With something that is true of each of its events, for sinks that know attributes.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.attributes.push(Attribute {
            name,
            value: value.into(),
        });
        self
    }

    /// With an id that earlier versions of the source gave it: its cursor is taken over.
    #[must_use]
    pub fn formerly(mut self, id: impl Into<String>) -> Self {
        self.0.formerly.push(id.into());
        self
    }

    /// That cannot be read at present, for this reason.
    #[must_use]
    pub fn unavailable(mut self, reason: impl Into<String>) -> Self {
        self.0.unavailable = Some(reason.into());
        self
    }
}

/// Records that come after a position, in order, each with the position after it.
#[derive(Debug)]
pub struct Page<P> {
    pub(crate) items: Vec<(Item, P)>,
    pub(crate) end: Option<P>,
    pub(crate) more: bool,
}

/// What became of a record.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Event),
    Rejected(Rejected),
}

impl<P> Default for Page<P> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            end: None,
            more: false,
        }
    }
}

impl<P> Page<P> {
    /// A page without records, and nothing behind it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event. `position` is where reading goes on once it has been delivered.
    pub fn event(&mut self, position: P, event: Event) {
        self.items.push((Item::Event(event), position));
    }

    /// Adds a record that cannot be made an event: it is kept, with the reason.
    pub fn reject(
        &mut self,
        position: P,
        id: Option<String>,
        reason: impl Into<String>,
        raw: impl Into<Vec<u8>>,
    ) {
        let rejected = Rejected {
            id,
            reason: reason.into(),
            raw: raw.into(),
        };
        self.items.push((Item::Rejected(rejected), position));
    }

    /// Says that there is more behind this page.
    pub fn more(&mut self) {
        self.more = true;
    }

    /// Says where reading goes on after the whole page, where that is more than the position of its last record.
    pub fn end_at(&mut self, position: P) {
        self.end = Some(position);
    }
}

impl Event {
    /// An event whose body is this value as JSON, without a time and of unknown severity.
    ///
    /// # Errors
    ///
    /// The value cannot be written as JSON.
    pub fn json(id: impl Into<String>, value: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_string(value).map_err(|error| {
            let message = format!("a record cannot be written as JSON: {error}");
            Failure::new(Fault::Broken, "source.unwritable", message)
        })?;
        Ok(Self {
            id: id.into(),
            time: None,
            severity: 0,
            attributes: Vec::new(),
            body,
        })
    }

    /// The same with when it happened, if the record says.
    #[must_use]
    pub fn at(mut self, time: Option<Timestamp>) -> Self {
        self.time = time;
        self
    }

    /// The same with a severity: OpenTelemetry's SeverityNumber, 1 to 24.
    #[must_use]
    pub fn severity(mut self, severity: u8) -> Self {
        self.severity = severity;
        self
    }
}
