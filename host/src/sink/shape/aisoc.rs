//! AiSOC's ingest service (`/v1/ingest`): a list of events under the name of a connector.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Settled, array};
use crate::batch::Event;
use crate::sink::post::Answer;

/// The service's own default limit (`MAX_BATCH_SIZE`).
pub(super) const LIMITS: (usize, usize) = (1_000, usize::MAX);

/// What the service knows events by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AisocConnector {
    /// The kind of connector.
    pub kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    rejected: u64,
    errors: Vec<String>,
}

impl AisocConnector {
    pub(super) fn body(&self, source: &str, events: &[Event]) -> String {
        format!(
            "{{\"connector_id\":{},\"connector_type\":{},\"source_format\":\"json\",\"events\":{}}}",
            Value::from(source),
            Value::from(self.kind.as_str()),
            array(events)
        )
    }
}

/// The service says how many events it refused, not which. It knows an event again by its id, so halves may be sent.
pub(super) fn settle(answer: &Answer) -> Settled {
    let Counts { rejected, errors } = serde_json::from_slice(&answer.body).unwrap_or_default();
    match rejected {
        0 => Settled::Except(Vec::new()),
        _ => Settled::Unclear(
            errors
                .first()
                .map(|error| answer.excerpt(error))
                .unwrap_or_default(),
        ),
    }
}

/// A missing tenant is a mistake of the configuration, not of an event.
pub(super) fn is_mendable(answer: &Bytes) -> bool {
    String::from_utf8_lossy(answer).contains("missing tenant ID")
}
