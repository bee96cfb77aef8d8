//! The event in the README: what it shows is what the record becomes.

use std::fs;
use std::path::Path;

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;
use serde_json::Value;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(path).expect("the file is there")
}

fn event(format: Format) -> Value {
    let record = file("fixtures/events/administrative-privileged-identity-activation.json");
    let settings = Settings {
        format,
        drop: Vec::new(),
        severity: Vec::new(),
        ..Settings::default()
    };
    match Normalizer::new(settings).apply(&Record::read(record.as_bytes())) {
        Outcome::Event(event) => serde_json::from_str(&event.body).expect("bodies are JSON"),
        other => panic!("{other:?}"),
    }
}

/// Whether everything in `part` is in `whole`, at its place.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        _ => whole == part,
    }
}

#[test]
fn the_event_in_the_readme_is_what_its_record_becomes() {
    let page = file("README.md");
    let (_, section) = page.split_once("## An event").expect("the section is there");
    let blocks: Vec<Value> = section
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| serde_json::from_str(rest.split_once("```")?.0).ok())
        .collect();
    assert_eq!(blocks.len(), 2, "two blocks of JSON");
    for (format, block) in [Format::Ecs, Format::Ocsf].into_iter().zip(&blocks) {
        let event = event(format);
        assert!(
            contains(&event, block),
            "{} of the record is {event:#}",
            format.name()
        );
    }
}
