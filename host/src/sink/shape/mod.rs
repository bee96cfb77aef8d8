//! What a receiver over HTTP wants batches to look like, and what its answers mean for their events.

mod aisoc;
mod elasticsearch;
mod splunk;

pub use self::aisoc::AisocConnector;
pub use self::splunk::SplunkFields;
use super::post::Answer;
use super::{SinkError, lines};
use crate::batch::Event;

/// How the events of a batch are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One a line.
    Ndjson,
    /// One JSON array.
    Array,
    /// Elasticsearch's bulk requests.
    Elasticsearch,
    /// Splunk's HTTP Event Collector.
    Splunk(SplunkFields),
    /// AiSOC's ingest service.
    Aisoc(AisocConnector),
}

/// What the receiver made of a request that it took.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It has all events but these: their places in the request, and why.
    Except(Vec<(usize, String)>),
    /// It refused some, and does not say which; those that it has may be sent again.
    Unclear(String),
}

impl Shape {
    /// The media type and the body of a request.
    pub(super) fn request(&self, source: &str, events: &[Event]) -> (&'static str, String) {
        match self {
            Self::Ndjson => ("application/x-ndjson", lines(events)),
            Self::Array => ("application/json", array(events)),
            Self::Elasticsearch => ("application/x-ndjson", elasticsearch::body(events)),
            Self::Splunk(fields) => ("application/json", fields.body(source, events)),
            Self::Aisoc(connector) => ("application/json", connector.body(source, events)),
        }
    }

    /// Most events and bytes of events in one request.
    pub(super) fn limits(&self) -> (usize, usize) {
        match self {
            Self::Ndjson | Self::Array => (usize::MAX, usize::MAX),
            Self::Elasticsearch => elasticsearch::LIMITS,
            Self::Splunk(_) => splunk::LIMITS,
            Self::Aisoc(_) => aisoc::LIMITS,
        }
    }

    /// Reads the answer to a request that was taken (2xx).
    pub(super) fn settle(&self, answer: &Answer, sent: usize) -> Result<Settled, SinkError> {
        match self {
            Self::Ndjson | Self::Array | Self::Splunk(_) => Ok(Settled::Except(Vec::new())),
            Self::Elasticsearch => elasticsearch::settle(answer, sent),
            Self::Aisoc(_) => Ok(aisoc::settle(answer)),
        }
    }

    /// Whether a request was refused for something that can be mended, so that its events must wait for that.
    pub(super) fn is_mendable(&self, answer: &Answer) -> bool {
        match self {
            Self::Splunk(_) => splunk::is_mendable(&answer.body),
            Self::Aisoc(_) => aisoc::is_mendable(&answer.body),
            Self::Ndjson | Self::Array | Self::Elasticsearch => false,
        }
    }
}

fn array(events: &[Event]) -> String {
    let bodies: Vec<&str> = events.iter().map(|event| event.body.as_str()).collect();
    format!("[{}]", bodies.join(","))
}

#[cfg(test)]
mod tests;
