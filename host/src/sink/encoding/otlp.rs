//! An OpenTelemetry receiver over OTLP/HTTP, in its JSON form (opentelemetry-proto 1.x, `v1/logs`).

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use self::log_record::LogRecord;
use super::number::count;
use super::{RequestOutcome, counted, unreadable};
use crate::model::{Attribute, Event};
use crate::sink::Delivery;
use crate::sink::http_client::Reply;

mod log_record;
mod protobuf;

/// How many records a receiver refused, and why.
#[derive(Debug, Default, PartialEq, Eq)]
struct PartialSuccess {
    refused: u64,
    reason: String,
}

/// A receiver may take a request in part. An answer that cannot be read takes nothing: the events are sent again.
pub(super) fn read(reply: &Reply, sent: usize) -> RequestOutcome {
    let body = reply.text();
    let partial = if reply.media_type.contains("protobuf") {
        // Blanks at the ends are part of the message here.
        protobuf::partial_success(&reply.body)
    } else if body.is_empty() {
        Some(PartialSuccess::default())
    } else {
        json_partial_success(body).or_else(|| {
            let may_be_binary = matches!(reply.media_type.as_str(), "" | "application/octet-stream");
            protobuf::partial_success(&reply.body).filter(|_| may_be_binary)
        })
    };
    match partial {
        Some(PartialSuccess { refused, reason }) => counted(reply, refused, sent, &reason),
        None => unreadable(reply, "something else than the answer of an OTLP receiver"),
    }
}

/// Reads proto3's JSON form: names in both spellings, null for what is not set, numbers as text.
fn json_partial_success(body: &[u8]) -> Option<PartialSuccess> {
    // A message in another encoding is only for people.
    let Value::Object(answer) = serde_json::from_str(&String::from_utf8_lossy(body)).ok()? else {
        return None;
    };
    if is_failure(&answer) {
        return None;
    }
    let partial = match member(&answer, "partialSuccess", "partial_success") {
        None => return Some(PartialSuccess::default()),
        Some(partial) => partial.as_object()?,
    };
    let refused = match member(partial, "rejectedLogRecords", "rejected_log_records") {
        None => 0,
        Some(number) => count(number)?,
    };
    let reason = match member(partial, "errorMessage", "error_message") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Some(PartialSuccess { refused, reason })
}

/// A member by either of its names; null is the same as none.
fn member<'a>(object: &'a Map<String, Value>, camel: &str, snake: &str) -> Option<&'a Value> {
    let set = |name| object.get(name).filter(|value| !value.is_null());
    set(camel).or_else(|| set(snake))
}

/// Whether an object is a `google.rpc.Status` or another report of a failure, which some gateways send with status 200.
fn is_failure(answer: &Map<String, Value>) -> bool {
    let is_set = |name: &str| {
        answer.get(name).is_some_and(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Bool(true) => true,
        })
    };
    let is_success = |code: &Value| matches!(count(code), Some(0 | 200..=299));
    let code = answer.get("code").or_else(|| answer.get("status"));
    let fails = code.is_some_and(|code| count(code).is_some() && !is_success(code));
    fails || is_set("error") || is_set("errors") || answer.get("success") == Some(&Value::Bool(false))
}

/// Records of one resource and one scope.
struct Group {
    resource: Vec<Value>,
    scope: Value,
    schema: Option<String>,
    records: Vec<Value>,
}

impl Group {
    /// The same for records that belong together.
    fn key(&self) -> String {
        json!([self.resource, self.scope, self.schema]).to_string()
    }
}

/// The body of a request: the records of each resource together, in the order in which the resources come first.
pub(super) fn body(delivery: &Delivery<'_>, events: &[&Event]) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
        .to_string();
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for event in events {
        let (record, group) = record(delivery, event, &now);
        let place = *places.entry(group.key()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(group);
        }
        groups[place].records.push(record);
    }
    let resource_logs: Vec<Value> = groups
        .into_iter()
        .map(|group| {
            let mut logs = json!({ "scope": group.scope, "logRecords": group.records });
            if let Some(schema) = group.schema {
                logs["schemaUrl"] = schema.into();
            }
            let mut attributes = vec![
                attribute("service.name", "headwater"),
                attribute("headwater.source", delivery.source),
                attribute("headwater.partition", delivery.partition),
            ];
            attributes.extend(group.resource);
            json!({ "resource": { "attributes": attributes }, "scopeLogs": [logs] })
        })
        .collect();
    json!({ "resourceLogs": resource_logs }).to_string()
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// A record, and the group that it belongs to, still without it.
fn record(delivery: &Delivery<'_>, event: &Event, now: &str) -> (Value, Group) {
    // Checked when the batch arrived; an event whose body cannot be taken apart would still go out as text.
    let body = serde_json::from_str(&event.body).unwrap_or_else(|_| Value::from(event.body.as_str()));
    let mut record = json!({
        // Zero says that it is not known.
        "timeUnixNano": event.time.unwrap_or(0).to_string(),
        "observedTimeUnixNano": now,
        "severityNumber": event.severity,
        "attributes": [attribute("log.record.uid", &delivery.key(event))],
    });
    let given = |attributes: &[Attribute]| -> Vec<Value> {
        let attributes = attributes.iter();
        attributes
            .map(|given| attribute(&given.name, &given.value))
            .collect()
    };
    let (mut resource, scope, schema) = match LogRecord::read(body) {
        Ok(native) => {
            native.write(&mut record);
            let (scope, schema) = native.scope();
            (native.resource(), scope, schema.map(str::to_owned))
        }
        Err(body) => {
            record["body"] = any_value(&body);
            let scope = json!({ "name": "headwater", "version": env!("CARGO_PKG_VERSION") });
            (Vec::new(), scope, None)
        }
    };
    // What the body says itself counts more.
    add_others(&mut resource, given(delivery.attributes));
    if let Some(attributes) = record["attributes"].as_array_mut() {
        add_others(attributes, given(&event.attributes));
    }
    let group = Group {
        resource,
        scope,
        schema,
        records: Vec::new(),
    };
    (record, group)
}

/// Adds attributes whose names are not there yet.
fn add_others(attributes: &mut Vec<Value>, more: Vec<Value>) {
    for attribute in more {
        if !attributes.iter().any(|known| known["key"] == attribute["key"]) {
            attributes.push(attribute);
        }
    }
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
    use super::*;
    use crate::sink::delivery;

    #[test]
    fn a_record_keeps_time_severity_key_and_structure() {
        let event = Event {
            id: "id-1".to_owned(),
            time: Some(1_700_000_000_000_000_001),
            severity: 17,
            attributes: Vec::new(),
            body: r#"{"a":1,"b":1.5,"c":"x","d":true,"e":null,"f":[{"g":2}]}"#.to_owned(),
        };
        let events = [event];
        let sent = body(&delivery(&events), &[&events[0]]);
        let mut sent: Value = serde_json::from_str(&sent).unwrap();
        sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["observedTimeUnixNano"] = "now".into();
        insta::assert_json_snapshot!(sent);
    }

    #[test]
    fn attributes_go_to_the_resource_and_to_the_record_and_the_body_wins() {
        let attribute = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let body_says =
            json!({ "event_name": "x", "attributes": {}, "resource": { "attributes": { "a": "body" } } });
        let event = Event {
            id: "1".to_owned(),
            time: None,
            severity: 0,
            attributes: vec![
                attribute("region", "north"),
                attribute("log.record.uid", "theirs"),
            ],
            body: body_says.to_string(),
        };
        let events = [event];
        let partition = [attribute("a", "partition"), attribute("tenant", "contoso")];
        let delivery = Delivery {
            attributes: &partition,
            ..delivery(&events)
        };
        let sent: Value = serde_json::from_str(&body(&delivery, &[&events[0]])).unwrap();
        let logs = &sent["resourceLogs"][0];
        let texts = |list: &Value| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let list = list.as_array().unwrap().iter();
            list.map(|one| (text(&one["key"]), text(&one["value"]["stringValue"])))
                .skip_while(|(key, _)| key.starts_with("service") || key.starts_with("headwater"))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            texts(&logs["resource"]["attributes"]),
            [pair("a", "body"), pair("tenant", "contoso")]
        );
        let record = &logs["scopeLogs"][0]["logRecords"][0];
        assert_eq!(texts(&record["attributes"])[1..], [pair("region", "north")]);
        assert_eq!(record["timeUnixNano"], "0");
    }

    #[test]
    fn a_log_record_is_sent_as_one_with_others_of_its_resource() {
        let native = |id: &str, account: &str| {
            Event {
            id: id.to_owned(),
            time: Some(7),
            severity: 13,
            attributes: Vec::new(),
            body: json!({
                "@timestamp": "1970-01-01T00:00:00Z",
                "event_name": "example.log",
                "severity_text": "medium",
                "resource": { "attributes": { "cloud.account.id": account, "labels": { "tenant": "contoso" } } },
                "scope": { "name": "example", "version": "1", "schema_url": "https://example.com/1" },
                "attributes": { "user.name": "ada", "log.record.uid": "theirs", "list": ["a"], "count": 3 },
                "body": { "a": "b" },
            })
            .to_string(),
        }
        };
        let plain = Event {
            body: "{\"attributes\":{},\"event_name\":\"x\"}".to_owned(),
            ..native("4", "")
        };
        let events = [native("1", "one"), native("2", "two"), native("3", "one"), plain];
        let sent = body(&delivery(&events), &events.iter().collect::<Vec<_>>());
        let mut sent: Value = serde_json::from_str(&sent).unwrap();
        for logs in sent["resourceLogs"].as_array_mut().unwrap() {
            for record in logs["scopeLogs"][0]["logRecords"].as_array_mut().unwrap() {
                record["observedTimeUnixNano"] = "now".into();
            }
        }
        sent["resourceLogs"][2]["scopeLogs"][0]["scope"]["version"] = "…".into();
        insta::assert_json_snapshot!(sent);
    }
}
