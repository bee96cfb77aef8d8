//! AiSOC's ingest service (`/v1/ingest`): a list of events under the name of a connector.

use serde_json::Value;

use super::number::count;
use super::{LARGEST_REQUEST, RequestOutcome, array, counted, unreadable};
use crate::model::Event;
use crate::sink::http_client::Reply;

/// The service's own default limit (`MAX_BATCH_SIZE`).
pub(super) const LIMITS: (usize, usize) = (1_000, LARGEST_REQUEST);

/// What the service knows events by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AisocConnector {
    /// The kind of connector.
    pub kind: String,
}

impl AisocConnector {
    pub(super) fn body(&self, source: &str, events: &[&Event]) -> String {
        format!(
            "{{\"connector_id\":{},\"connector_type\":{},\"source_format\":\"json\",\"events\":{}}}",
            Value::from(source),
            Value::from(self.kind.as_str()),
            array(events)
        )
    }
}

/// The service says how many events it refused, not which. It knows an event again by its id, so halves may be sent.
pub(super) fn read(reply: &Reply, sent: usize) -> RequestOutcome {
    if reply.text().is_empty() {
        return RequestOutcome::Accepted;
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(reply.text()) else {
        return unreadable(reply, "something else than counts of accepted and refused events");
    };
    let errors = answer.get("errors").map(first_error).unwrap_or_default();
    match (answer.get("rejected"), answer.get("accepted"), errors) {
        (Some(rejected), _, errors) => match count(rejected) {
            Some(rejected) => counted(reply, rejected, sent, errors.as_deref().unwrap_or_default()),
            None => unreadable(reply, "a count of refused events that cannot be read"),
        },
        (None, _, Some(reason)) => RequestOutcome::Some {
            refused: None,
            reason: reply.excerpt(&reason),
        },
        (None, Some(accepted), None) if count(accepted).is_some() => RequestOutcome::Accepted,
        (None, _, None) => unreadable(reply, "no count of accepted or refused events"),
    }
}

/// The first of the service's errors, which may be text or objects; none when there are none.
fn first_error(errors: &Value) -> Option<String> {
    let shown = |error: &Value| match error {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match errors {
        Value::Null => None,
        Value::Array(list) => list.first().map(shown),
        Value::Object(members) if members.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        other => Some(shown(other)),
    }
}

/// A missing tenant is a mistake of the configuration, not of an event.
pub(super) fn is_fixable(answer: &[u8]) -> bool {
    String::from_utf8_lossy(answer).contains("missing tenant ID")
}
