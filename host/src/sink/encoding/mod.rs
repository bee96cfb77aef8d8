//! How a receiver over HTTP wants its events, and what its answers mean for them.

mod aisoc;
mod elasticsearch;
mod number;
mod otlp;
mod splunk;

use http::StatusCode;

pub use self::aisoc::AisocConnector;
pub use self::splunk::SplunkFields;
use super::http_client::Reply;
use super::{Delivery, SinkError, push_lines};
use crate::model::Event;

/// Bytes of events in one request. A request is a copy of its events, and many batches may be on their way.
const LARGEST_REQUEST: usize = 8 << 20;

/// How the events of a batch are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
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
    /// OTLP/HTTP in its JSON form.
    Otlp,
}

/// What a receiver made of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestOutcome {
    /// It has all events.
    Accepted,
    /// It answers for every event by itself, in the order of the request.
    Each(Vec<EventOutcome>),
    /// It took some events, refused so many (none: unknown, but not zero), and does not say which.
    Some {
        /// How many it refused.
        refused: Option<u64>,
        /// What it says.
        reason: String,
    },
    /// It took nothing, and says that it never will.
    Refused {
        /// What it says.
        reason: String,
        /// Whether the reason is the size of the request.
        is_too_large: bool,
    },
    /// It was not sent: it would be larger than the configuration allows.
    TooLarge {
        /// In words.
        reason: String,
    },
    /// Send it again: it failed, or its answer cannot be understood.
    Unavailable(SinkError),
}

/// What a receiver made of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EventOutcome {
    /// It has the event.
    Accepted,
    /// It will never take the event, and why.
    Refused(String),
    /// It may take the event later, and why it does not now.
    Later(String),
}

impl Encoding {
    /// The media type and the body of a request with these events of a delivery.
    pub(super) fn request(&self, delivery: &Delivery<'_>, events: &[&Event]) -> (&'static str, String) {
        match self {
            Self::Ndjson => {
                let mut lines = String::new();
                push_lines(&mut lines, events.iter().copied());
                ("application/x-ndjson", lines)
            }
            Self::Array => ("application/json", array(events)),
            Self::Elasticsearch => ("application/x-ndjson", elasticsearch::body(delivery, events)),
            Self::Splunk(fields) => ("application/json", fields.body(delivery, events)),
            Self::Aisoc(connector) => ("application/json", connector.body(delivery.source, events)),
            Self::Otlp => ("application/json", otlp::body(delivery, events)),
        }
    }

    /// Most events and bytes of events in one request.
    pub(super) fn limits(&self) -> (usize, usize) {
        match self {
            Self::Ndjson | Self::Array | Self::Otlp => (usize::MAX, LARGEST_REQUEST),
            Self::Elasticsearch => elasticsearch::LIMITS,
            Self::Splunk(_) => splunk::LIMITS,
            Self::Aisoc(_) => aisoc::LIMITS,
        }
    }

    /// What the answer to a request with these events means.
    pub(super) fn read(&self, reply: &Reply, delivery: &Delivery<'_>, sent: &[&Event]) -> RequestOutcome {
        match reply.status {
            // Something in between answers: the receivers that are known by name never write pages, and of the others
            // none that takes events does.
            status if status.is_success() && reply.is_web_page() => {
                unreadable(reply, "a web page, which a login or a proxy may have put there")
            }
            status if status.is_success() => self.read_accepted(reply, delivery, sent),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                if self.is_fixable(reply) {
                    return RequestOutcome::Unavailable(SinkError::unavailable(reply.said()));
                }
                RequestOutcome::Refused {
                    reason: reply.said(),
                    is_too_large: reply.status == StatusCode::PAYLOAD_TOO_LARGE,
                }
            }
            // Whatever else it is, a wrong path or password included, it can be fixed without losing events.
            _ => RequestOutcome::Unavailable(SinkError::Unavailable {
                reason: reply.said(),
                retry_after: reply.retry_after,
            }),
        }
    }

    fn read_accepted(&self, reply: &Reply, delivery: &Delivery<'_>, sent: &[&Event]) -> RequestOutcome {
        match self {
            Self::Ndjson | Self::Array => RequestOutcome::Accepted,
            Self::Elasticsearch => elasticsearch::read(reply, delivery, sent),
            Self::Splunk(_) => splunk::read(reply),
            Self::Aisoc(_) => aisoc::read(reply, sent.len()),
            Self::Otlp => otlp::read(reply, sent.len()),
        }
    }

    /// Whether a request was refused for something that can be fixed, so that its events must wait for that.
    pub(super) fn is_fixable(&self, reply: &Reply) -> bool {
        match self {
            Self::Splunk(_) => splunk::is_fixable(reply.text()),
            Self::Aisoc(_) => aisoc::is_fixable(reply.text()),
            Self::Ndjson | Self::Array | Self::Elasticsearch | Self::Otlp => false,
        }
    }
}

/// An answer that says nothing about the events, so that they are sent again.
fn unreadable(reply: &Reply, problem: &str) -> RequestOutcome {
    RequestOutcome::Unavailable(SinkError::unavailable(reply.judged(problem)))
}

/// The outcome of a request of which the receiver counts what it refused.
fn counted(reply: &Reply, refused: u64, sent: usize, reason: &str) -> RequestOutcome {
    let sent = sent as u64;
    let reason = match reply.excerpt(reason) {
        reason if reason.trim().is_empty() => "the receiver gives no reason".to_owned(),
        reason => reason,
    };
    match refused {
        0 => RequestOutcome::Accepted,
        more if more > sent => unreadable(reply, "a count of more refused events than there were"),
        all if all == sent => RequestOutcome::Refused {
            reason: format!("{all} events refused: {reason}"),
            is_too_large: false,
        },
        some => RequestOutcome::Some {
            refused: Some(some),
            reason: format!("{some} of {sent} events refused: {reason}"),
        },
    }
}

fn array(events: &[&Event]) -> String {
    let bodies: Vec<&str> = events.iter().map(|event| event.body.as_str()).collect();
    format!("[{}]", bodies.join(","))
}

#[cfg(test)]
mod answers;
#[cfg(test)]
mod tests;
