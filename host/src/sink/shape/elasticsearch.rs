//! Elasticsearch's bulk API. Events are created under their own id, so that one that comes again changes nothing.

use serde::Deserialize;
use serde_json::json;

use super::Settled;
use crate::batch::Event;
use crate::sink::SinkError;
use crate::sink::post::Answer;

/// Elastic advises some megabytes a request; the events bound the answer, which has an entry for each.
pub(super) const LIMITS: (usize, usize) = (2_500, 8 << 20);

#[derive(Deserialize)]
struct Outcomes {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Reason>,
}

#[derive(Default, Deserialize)]
struct Reason {
    r#type: Option<String>,
    reason: Option<String>,
}

/// An action and a document a line, for every event. `create` is the one action that data streams take as well.
pub(super) fn body(events: &[Event]) -> String {
    events.iter().fold(String::new(), |mut body, event| {
        body.push_str(&json!({ "create": { "_id": event.id } }).to_string());
        body.push('\n');
        body.push_str(&event.body);
        body.push('\n');
        body
    })
}

/// Every event has an outcome of its own. 409 says that its id is there: delivered before.
///
/// What can be mended (429, a missing index, a missing right) makes the whole batch come again, which is harmless.
pub(super) fn settle(answer: &Answer, sent: usize) -> Result<Settled, SinkError> {
    let unavailable = |reason: String| SinkError::Unavailable {
        reason,
        retry_after: None,
    };
    let items = serde_json::from_slice(&answer.body).map(|Outcomes { items }| items);
    let items = items.ok().filter(|items| items.len() == sent).ok_or_else(|| {
        unavailable("it answers with something else than the outcome of a bulk request".to_owned())
    })?;
    let mut refused = Vec::new();
    for (place, Item { create }) in items.into_iter().enumerate() {
        let Outcome { status, error } = create;
        let said = || {
            let Reason { r#type, reason } = error.unwrap_or_default();
            let words = [r#type.unwrap_or_default(), reason.unwrap_or_default()].join(": ");
            format!("{status} {}", answer.excerpt(&words))
        };
        match status {
            200..=299 | 409 => {}
            400 | 413 | 422 => refused.push((place, said())),
            _ => return Err(unavailable(format!("it did not take an event: {}", said()))),
        }
    }
    Ok(Settled::Except(refused))
}
