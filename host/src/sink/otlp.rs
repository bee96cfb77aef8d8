//! An OpenTelemetry receiver over OTLP/HTTP, in its JSON encoding (opentelemetry-proto 1.x, `v1/logs`).

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::halves::Halves;
use super::post::{Endpoint, Poster, Verdict};
use super::{Accepted, Delivery, Sink, SinkError};
use crate::batch::Event;
use crate::egress::OutboundError;

pub(super) struct OtlpSink {
    source: String,
    poster: Poster,
}

/// The part of an answer that matters: a receiver may take a batch in part.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// A 64-bit number, which this encoding writes as a text; some receivers write a number.
    rejected_log_records: Value,
    error_message: String,
}

impl OtlpSink {
    pub(super) fn new(source: &str, endpoint: Endpoint) -> Result<Self, OutboundError> {
        Ok(Self {
            source: source.to_owned(),
            poster: Poster::new(endpoint)?,
        })
    }

    /// Delivers a batch, and where the receiver refuses a request, finds out which events are to blame by halving.
    async fn deliver_all(&self, events: &[Event]) -> Result<Accepted, SinkError> {
        let mut refused = Vec::new();
        let mut parts = Halves::of(events.len());
        while let Some(part) = parts.next() {
            let request = request(&self.source, &events[part.clone()]);
            match self.poster.post("application/json", request).await? {
                Verdict::Refused(answer) if part.len() == 1 => refused.push((part.start, answer.said())),
                Verdict::Refused(_) => parts.halve(part),
                Verdict::Accepted(answer) => match rejected(&answer.body) {
                    (0, _) => {}
                    // It must not be sent again, and does not say which ones it refused: all are kept.
                    (count, why) => {
                        let why = answer.excerpt(&why);
                        let reason = format!("the receiver refused {count} of {} events: {why}", part.len());
                        refused.extend(part.map(|index| (index, reason.clone())));
                    }
                },
            }
        }
        Ok(Accepted { refused })
    }
}

impl Sink for OtlpSink {
    fn deliver<'a>(&'a self, events: &'a [Event]) -> Delivery<'a> {
        Box::pin(self.deliver_all(events))
    }
}

/// How many records were refused, and why. An answer that cannot be read refuses nothing: the status said 2xx.
fn rejected(answer: &[u8]) -> (u64, String) {
    let Answer { partial_success } = serde_json::from_slice(answer).unwrap_or_default();
    let count = match &partial_success.rejected_log_records {
        Value::String(text) => text.parse().unwrap_or(0),
        other => other.as_u64().unwrap_or(0),
    };
    (count, partial_success.error_message)
}

fn request(source: &str, events: &[Event]) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
        .to_string();
    let records: Vec<Value> = events.iter().map(|event| record(event, &now)).collect();
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let resource = [
        attribute("service.name", "headwater"),
        attribute("headwater.source", source),
    ];
    json!({ "resourceLogs": [{
        "resource": { "attributes": resource },
        "scopeLogs": [{
            "scope": { "name": "headwater", "version": env!("CARGO_PKG_VERSION") },
            "logRecords": records,
        }],
    }] })
    .to_string()
}

fn record(event: &Event, now: &str) -> Value {
    // Checked when the batch arrived; an event whose body cannot be taken apart would still go out as text.
    let body = serde_json::from_str(&event.body).unwrap_or_else(|_| Value::from(event.body.as_str()));
    json!({
        "timeUnixNano": event.time.to_string(),
        "observedTimeUnixNano": now,
        "severityNumber": event.severity,
        "body": any_value(&body),
        "attributes": [{ "key": "log.record.uid", "value": { "stringValue": event.id } }],
    })
}

/// JSON as OTLP's own kind of value.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) if number.is_i64() => json!({ "intValue": number.to_string() }),
        Value::Number(number) => json!({ "doubleValue": number }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::Object(fields) => {
            let values = fields
                .iter()
                // Some receivers refuse an empty value; a field without one means the same.
                .map(|(key, value)| match value {
                    Value::Null => json!({ "key": key }),
                    value => json!({ "key": key, "value": any_value(value) }),
                });
            json!({ "kvlistValue": { "values": values.collect::<Vec<_>>() } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::receiver::Receiver;
    use super::*;

    fn event(body: &str) -> Event {
        Event {
            id: "id-1".to_owned(),
            time: 1_700_000_000_000_000_001,
            severity: 17,
            body: body.to_owned(),
        }
    }

    async fn deliver(
        status: u16,
        answer: &'static str,
        events: &[Event],
    ) -> (Result<Accepted, SinkError>, Receiver) {
        let receiver = Receiver::start(move |_| (status, answer)).await;
        let endpoint = Endpoint {
            url: receiver.url.parse().unwrap(),
            ..Endpoint::default()
        };
        let sink = OtlpSink::new("contoso", endpoint).unwrap();
        (sink.deliver(events).await, receiver)
    }

    #[tokio::test]
    async fn a_record_keeps_time_severity_identity_and_structure() {
        let body = r#"{"a":1,"b":1.5,"c":"x","d":true,"e":null,"f":[{"g":2}]}"#;
        let (accepted, receiver) = deliver(200, "{}", &[event(body)]).await;
        assert_eq!(accepted.unwrap(), Accepted::default());
        let (_, sent) = receiver.requests().remove(0);
        let mut sent: Value = serde_json::from_slice(&sent).unwrap();
        sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["observedTimeUnixNano"] = "now".into();
        insta::assert_json_snapshot!(sent);
    }

    #[tokio::test]
    async fn a_partial_success_keeps_what_may_be_lost() {
        for (answer, refused) in [
            ("", 0),
            ("{\"partialSuccess\":{}}", 0),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"0\",\"errorMessage\":\"slow\"}}",
                0,
            ),
            (
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"too old\"}}",
                2,
            ),
            ("{\"partialSuccess\":{\"rejectedLogRecords\":1}}", 2),
        ] {
            let (accepted, _) = deliver(200, answer, &[event("{}"), event("{}")]).await;
            assert_eq!(accepted.unwrap().refused.len(), refused, "{answer}");
        }
    }

    #[tokio::test]
    async fn one_event_that_is_refused_does_not_take_the_others_with_it() {
        let receiver = Receiver::start(|body| match body.contains("bad") {
            true => (400, "no"),
            false => (200, "{}"),
        })
        .await;
        let endpoint = Endpoint {
            url: receiver.url.parse().unwrap(),
            ..Endpoint::default()
        };
        let events = ["{}", "{}", "{\"bad\":1}", "{}", "{}"].map(event);
        let accepted = OtlpSink::new("contoso", endpoint)
            .unwrap()
            .deliver(&events)
            .await
            .unwrap();
        let places: Vec<usize> = accepted.refused.iter().map(|(index, _)| *index).collect();
        assert_eq!(places, [2]);
    }

    #[tokio::test]
    async fn a_receiver_in_trouble_gets_the_batch_again() {
        let (result, _) = deliver(503, "", &[event("{}")]).await;
        assert!(matches!(result, Err(SinkError::Unavailable { .. })), "{result:?}");
    }
}
