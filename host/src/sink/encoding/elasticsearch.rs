//! Elasticsearch's bulk API. Events are created under their own key, so that one that is sent again changes nothing.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::number::count;
use super::{EventOutcome, RequestOutcome, unreadable};
use crate::model::Event;
use crate::sink::Delivery;
use crate::sink::http_client::Reply;

/// Elastic advises some megabytes a request; the events bound the answer, which has an entry for each.
pub(super) const LIMITS: (usize, usize) = (2_500, 8 << 20);

/// An action and a document a line, for every event. `create` is the one action that data streams take as well.
pub(super) fn body(delivery: &Delivery<'_>, events: &[&Event]) -> String {
    events.iter().fold(String::new(), |mut body, event| {
        body.push_str(&json!({ "create": { "_id": delivery.key(event) } }).to_string());
        body.push('\n');
        body.push_str(&event.body);
        body.push('\n');
        body
    })
}

/// Every event has an outcome of its own, found by its `_id`; without any `_id` in the answer, by its place. 409 says that
/// the id exists: delivered before.
///
/// An answer with too few or too many outcomes, or with ones for other events, says nothing that can be relied on. The
/// whole request is sent again, which is harmless.
pub(super) fn read(reply: &Reply, delivery: &Delivery<'_>, sent: &[&Event]) -> RequestOutcome {
    let answer: Value = serde_json::from_slice(reply.text()).unwrap_or_default();
    let Some(items) = answer.get("items").and_then(Value::as_array) else {
        return unreadable(reply, "something else than the outcome of a bulk request");
    };
    let items: Option<Vec<&Map<String, Value>>> = items.iter().map(action).collect();
    let Some(items) = items.filter(|items| items.len() == sent.len()) else {
        return unreadable(reply, "another number of outcomes than events were sent");
    };
    let Some(items) = in_order(items, delivery, sent) else {
        return unreadable(reply, "outcomes of other events than were sent");
    };
    // The outcome of each event counts. A summary that contradicts all of them makes the answer worthless.
    let is_success = |item: &&Map<String, Value>| {
        matches!(item.get("status").and_then(count), Some(200..=299))
            && item.get("error").is_none_or(Value::is_null)
    };
    if answer.get("errors") == Some(&Value::Bool(true)) && items.iter().all(is_success) {
        return unreadable(reply, "errors, and an outcome of success for every event");
    }
    let outcomes: Option<Vec<EventOutcome>> = items.into_iter().map(|item| outcome(reply, item)).collect();
    outcomes.map_or_else(
        || unreadable(reply, "an outcome without a status"),
        RequestOutcome::Each,
    )
}

/// The one member of an item, whatever the action is called.
fn action(item: &Value) -> Option<&Map<String, Value>> {
    let members = item.as_object()?;
    let (_, outcome) = members.iter().next().filter(|_| members.len() == 1)?;
    outcome.as_object()
}

/// The items in the order of the events. Two events with one key get their items in the order of the answer.
fn in_order<'a>(
    items: Vec<&'a Map<String, Value>>,
    delivery: &Delivery<'_>,
    sent: &[&Event],
) -> Option<Vec<&'a Map<String, Value>>> {
    if items.iter().all(|item| !item.contains_key("_id")) {
        return Some(items);
    }
    let mut by_id: HashMap<&str, Vec<&Map<String, Value>>> = HashMap::new();
    for item in items.into_iter().rev() {
        by_id.entry(item.get("_id")?.as_str()?).or_default().push(item);
    }
    sent.iter()
        .map(|event| by_id.get_mut(delivery.key(event).as_str())?.pop())
        .collect()
}

/// What became of one event; none if the item does not say.
fn outcome(reply: &Reply, item: &Map<String, Value>) -> Option<EventOutcome> {
    let status = item
        .get("status")
        .filter(|status| !status.is_null())
        .and_then(count)?;
    let error = item.get("error").filter(|error| !error.is_null());
    let said = || {
        let words = match error {
            Some(Value::Object(error)) => {
                let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
                [text("type"), text("reason")].join(": ")
            }
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        format!("{status} {}", reply.excerpt(&words))
    };
    Some(match status {
        // The document was parsed before its id was looked up, so this also says that the index takes such events.
        409 => EventOutcome::Accepted,
        200..=299 if error.is_none() => EventOutcome::Accepted,
        400 | 413 | 422 => EventOutcome::Refused(said()),
        _ => EventOutcome::Later(said()),
    })
}
