//! Whatever is in a record, no field of an event has two JSON types: a store that has seen the one refuses the other.

use std::collections::BTreeMap;

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::labels::Labels;
use azure_activity::record::Record;
use serde_json::Value;

mod odd_records;

/// The record itself, which may hold anything.
const RECORDS: [&str; 1] = ["raw_event"];

/// Objects whose members are the upstream's own, and whose values may have any shape inside; one of them is a field of its own
/// kind in every index template.
const OPEN_ENDED: [&str; 1] = ["azure.activitylogs.properties"];

fn collect(value: &Value, path: &str, types: &mut BTreeMap<String, (&'static str, String)>, from: &str) {
    let kind = match value {
        // No store takes that for a value.
        Value::Null => return,
        Value::Bool(_) => "flag",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    let (known, first) = types
        .entry(path.to_owned())
        .or_insert_with(|| (kind, from.to_owned()));
    assert_eq!(kind, *known, "{path} in {from} and in {first}");
    if RECORDS.contains(&path) || OPEN_ENDED.contains(&path) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), types, from);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(element, &format!("{path}[]"), types, from);
            }
        }
        _ => {}
    }
}

#[test]
fn no_field_has_two_types_in_two_thousand_odd_records() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Raw) {
        let mut normalizer = Normalizer::new(Settings {
            format,
            labels: Labels::new([("tenant", "contoso")]),
            ..Settings::default()
        });
        let (mut types, mut events) = (BTreeMap::new(), 0);
        for record in odd_records::records(2_000) {
            match normalizer.apply(&Record::read(record.as_slice())) {
                Outcome::Event(event) => {
                    let body: Value = serde_json::from_str(&event.body).expect("bodies are JSON");
                    collect(&body, "", &mut types, &event.id);
                    events += 1;
                }
                Outcome::Rejected(rejected) => panic!("{}", rejected.reason),
                Outcome::Dropped { .. } => {}
            }
        }
        assert!(events > 1_900, "{events} events as {}", format.name());
        assert!(types.len() > 10, "{types:?}");
    }
}
