//! A usual record to change, and what becomes of it.

#![allow(dead_code, reason = "each test uses a part")]

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;
use serde_json::{Value, json};

pub const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-4333-8444-555555555555";
pub const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
pub const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
pub const GRACE: &str = "6a5b4c3d-2e1f-4a0b-9c8d-7e6f5a4b3c2d";
pub const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
pub const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
pub const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";

pub fn body(format: Format, record: &Value) -> Value {
    let settings = Settings {
        format,
        drop: Vec::new(),
        severity: Vec::new(),
        ..Settings::default()
    };
    let raw = record.to_string();
    match Normalizer::new(settings).apply(&Record::read(raw.as_bytes())) {
        Outcome::Event(event) => serde_json::from_str(&event.body).expect("bodies are JSON"),
        other => panic!("{other:?}"),
    }
}

pub fn ecs(record: &Value) -> Value {
    body(Format::Ecs, record)
}

/// What a path leads to; null where it leads nowhere.
pub fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, name| &value[name])
}

pub fn assert_at(record: &Value, body: &Value, expected: &[(&str, Value)]) {
    for (path, expected) in expected {
        assert_eq!(at(body, path), expected, "{path} of {record}");
    }
}

pub fn record(more: Value) -> Value {
    let mut record = json!({
        "eventDataId": "00000000-0000-4000-8000-000000000001",
        "eventTimestamp": "2026-01-15T09:00:00Z",
        "category": {"value": "Administrative"},
        "operationName": {"value": "Microsoft.Web/sites/write"},
        "status": {"value": "Succeeded"},
        "level": "Informational",
        "resourceId": format!("{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Web/sites/shop"),
    });
    let members = record.as_object_mut().expect("it is an object");
    for (name, value) in more.as_object().expect("it is an object") {
        members.insert(name.clone(), value.clone());
    }
    record
}

pub fn assignment(role: &str, more: Value) -> String {
    let mut properties = json!({
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": GRACE,
        "principalType": "User",
    });
    for (name, value) in more.as_object().expect("it is an object") {
        properties[name] = value.clone();
    }
    json!({ "properties": properties }).to_string()
}
