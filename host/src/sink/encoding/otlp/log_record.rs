//! Bodies that are log records themselves: sources may write events in OpenTelemetry's own log data model, as JSON.
//!
//! Such a body has `event_name`, `resource.attributes` and `attributes`; it may have `body`, `severity_text` and `scope`.
//! Names and nesting are those under which log records are kept in Elasticsearch.

use serde_json::{Map, Value, json};

use super::any_value;

/// A body that is a log record.
pub(super) struct LogRecord {
    event_name: String,
    resource: Map<String, Value>,
    attributes: Map<String, Value>,
    rest: Map<String, Value>,
}

impl LogRecord {
    /// Takes a body apart; gives it back if it is something else.
    pub(super) fn read(body: Value) -> Result<Self, Value> {
        let is_record = body["event_name"].is_string()
            && body["resource"]["attributes"].is_object()
            && body["attributes"].is_object();
        let Value::Object(mut rest) = body else {
            return Err(body);
        };
        if !is_record {
            return Err(Value::Object(rest));
        }
        let mut take = |name: &str| rest.remove(name).unwrap_or_default();
        let object = |value: Value| match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let event_name = take("event_name");
        let attributes = object(take("attributes"));
        let resource = object(object(take("resource")).remove("attributes").unwrap_or_default());
        Ok(Self {
            event_name: event_name.as_str().unwrap_or_default().to_owned(),
            resource,
            attributes,
            rest,
        })
    }

    /// What its resource is known by, as key values.
    pub(super) fn resource(&self) -> Vec<Value> {
        key_values(&self.resource)
    }

    /// Who made it, and by which schema: `scope` and `schemaUrl` of a `ScopeLogs`.
    pub(super) fn scope(&self) -> (Value, Option<&str>) {
        // There may be none.
        let scope = self.rest.get("scope").unwrap_or(&Value::Null);
        (
            json!({ "name": scope["name"].as_str(), "version": scope["version"].as_str() }),
            scope["schema_url"].as_str(),
        )
    }

    /// Adds what it says to a record, which has its time, its number of severity and attributes of ours.
    pub(super) fn write(&self, record: &mut Value) {
        record["eventName"] = self.event_name.as_str().into();
        if let Some(text) = self.rest.get("severity_text").and_then(Value::as_str) {
            record["severityText"] = text.into();
        }
        if let Some(body) = self.rest.get("body") {
            record["body"] = any_value(body);
        }
        if let Some(attributes) = record["attributes"].as_array_mut() {
            let is_ours = |attribute: &Value| attributes.iter().any(|own| own["key"] == attribute["key"]);
            let theirs: Vec<Value> = key_values(&self.attributes)
                .into_iter()
                .filter(|attribute| !is_ours(attribute))
                .collect();
            attributes.extend(theirs);
        }
    }
}

/// Attributes as key values. Their names are flat: what is in an object gets its names before its own.
fn key_values(attributes: &Map<String, Value>) -> Vec<Value> {
    let mut list = Vec::new();
    flatten("", attributes, &mut list);
    list
}

fn flatten(before: &str, attributes: &Map<String, Value>, list: &mut Vec<Value>) {
    for (name, value) in attributes {
        let name = format!("{before}{name}");
        match value {
            Value::Null => {}
            Value::Object(members) => flatten(&format!("{name}."), members, list),
            value => list.push(json!({ "key": name, "value": any_value(value) })),
        }
    }
}
