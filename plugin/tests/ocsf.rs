//! Events in the format `ocsf` against the schema: `ocsf-1.8.0.json` has of the published one what the class API Activity with our
//! two profiles says of the attributes that are written, and of those that it requires.

use std::net::IpAddr;

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::facts::is_email_address;
use azure_activity::format::Format;
use azure_activity::labels::Labels;
use azure_activity::record::Record;
use serde_json::Value;

mod odd_records;

/// What is wrong with a value of an object type, with its path.
fn problems(schema: &Value, kind: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let object = &schema[kind];
    let (Some(known), Some(members)) = (object["attributes"].as_object(), value.as_object()) else {
        found.push(format!("{path}: not the object {kind}"));
        return;
    };
    for (name, attribute) in known {
        if attribute["required"] == true && !members.contains_key(name) {
            found.push(format!("{path}.{name}: required"));
        }
    }
    let list = |name: &str| object[name].as_array().cloned().unwrap_or_default();
    let has = |name: &Value| members.contains_key(name.as_str().unwrap_or_default());
    let one_of = list("at_least_one");
    if !one_of.is_empty() && !one_of.iter().any(has) {
        found.push(format!("{path}: none of {one_of:?}"));
    }
    let just_one = list("just_one");
    if !just_one.is_empty() && just_one.iter().filter(|name| has(name)).count() != 1 {
        found.push(format!("{path}: not one of {just_one:?}"));
    }
    for (name, value) in members {
        let path = format!("{path}.{name}");
        let Some(attribute) = known.get(name) else {
            found.push(format!("{path}: unknown"));
            continue;
        };
        match (attribute["list"] == true, value) {
            (true, Value::Array(elements)) => {
                for element in elements {
                    one(schema, attribute, element, &path, found);
                }
            }
            (true, _) => found.push(format!("{path}: not a list")),
            (false, value) => one(schema, attribute, value, &path, found),
        }
    }
}

fn one(schema: &Value, attribute: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let kind = attribute["type"].as_str().expect("a type");
    let fits = match kind {
        "string_t" | "resource_uid_t" | "uuid_t" | "username_t" | "url_t" => value.is_string(),
        "email_t" => value
            .as_str()
            .is_some_and(|text| is_email_address(text.as_bytes())),
        "ip_t" => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "integer_t" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "long_t" | "timestamp_t" => value.is_i64() || value.is_u64(),
        "boolean_t" => value.is_boolean(),
        "object" => value.is_object(),
        "json_t" => true,
        kind if schema.get(kind).is_some() => return problems(schema, kind, value, path, found),
        kind => panic!("{path} has the type {kind}, which this test does not know"),
    };
    if !fits {
        found.push(format!("{path}: not {kind}: {value}"));
    }
    if let Some(allowed) = attribute["enum"].as_array() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !allowed.iter().any(|one| *one == text) {
            found.push(format!("{path}: not one of the known values: {value}"));
        }
    }
}

#[test]
fn the_events_of_two_thousand_odd_records_are_valid() {
    let schema: Value = serde_json::from_str(include_str!("ocsf-1.8.0.json")).expect("it is JSON");
    let mut normalizer = Normalizer::new(Settings {
        format: Format::Ocsf,
        labels: Labels::new([("tenant", "contoso")]),
        ..Settings::default()
    });
    for record in odd_records::records(2_000) {
        let outcome = normalizer.apply(&Record::read(record.as_slice()));
        let Outcome::Event(event) = outcome else {
            panic!("{outcome:?}")
        };
        let body: Value = serde_json::from_str(&event.body).expect("bodies are JSON");
        let mut found = Vec::new();
        problems(&schema, "api_activity", &body, "", &mut found);
        assert!(
            found.is_empty(),
            "{}: {found:?}\n{}",
            event.id,
            String::from_utf8_lossy(&record)
        );
        // What the schema derives from each other.
        let number = |name: &str| body[name].as_u64().expect("a number");
        assert_eq!(
            number("type_uid"),
            number("class_uid") * 100 + number("activity_id"),
            "{}",
            event.id
        );
    }
}

#[test]
fn an_event_that_is_not_valid_is_found_out() {
    let schema: Value = serde_json::from_str(include_str!("ocsf-1.8.0.json")).expect("it is JSON");
    for (text, expected) in [
        (r#"{"class_uid":"x"}"#, ".class_uid: not integer_t"),
        (r#"{"colour":1}"#, ".colour: unknown"),
        ("{}", ".metadata: required"),
        (
            r#"{"severity_id":7}"#,
            ".severity_id: not one of the known values",
        ),
        (r#"{"actor":{}}"#, ".actor: none of"),
        (r#"{"src_endpoint":{"ip":"here"}}"#, ".src_endpoint.ip: not ip_t"),
        (r#"{"resources":{}}"#, ".resources: not a list"),
    ] {
        let mut found = Vec::new();
        problems(
            &schema,
            "api_activity",
            &serde_json::from_str(text).expect("it is JSON"),
            "",
            &mut found,
        );
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{text}: {found:?}"
        );
    }
}
