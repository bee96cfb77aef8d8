//! Every field that a table of docs/ names is written by the real component in the real host.

use std::collections::BTreeSet;
use std::fs;

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::example;
use fake_azure::{Azure, Event, Scope, Settings};
use serde_json::Value;

use crate::artifacts;
use crate::lab;
use crate::site::{Site, Source};

/// The day of all fixtures.
const DAY: &str = "2026-01-15T";

const FORMATS: [&str; 5] = ["ecs", "elastic", "ocsf", "otel", "aisoc"];

#[test]
fn an_end_to_end_run_writes_every_field_that_is_documented() {
    let server = lab::serve(with_fixtures());
    let source = |format: &&str| {
        let source = Source::azure(format, server.endpoint())
            .set("format", &format!("\"{format}\""))
            .set("drop", "[]")
            .set("start", "\"7d\"")
            .set("labels", "{ tenant = \"contoso\" }");
        Source {
            keys: format!("dead_letter = \"{format}.dead.ndjson\""),
            ..source
        }
    };
    let sources: Vec<Source> = FORMATS.iter().map(source).collect();
    let site = Site::new(&sources);
    site.run(&["run", "--once"]).exits_with(0);
    for format in FORMATS {
        let mut written = BTreeSet::new();
        for event in site.events(&format!("{format}.ndjson")) {
            collect(&event, "", &mut written);
        }
        let is_written = |field: &String| {
            let inside = format!("{field}.");
            written.contains(field)
                || written
                    .range(inside.clone()..)
                    .next()
                    .is_some_and(|path| path.starts_with(&inside))
        };
        let missing: Vec<String> = documented(format)
            .into_iter()
            .filter(|field| !is_written(field))
            .collect();
        assert!(missing.is_empty(), "{format}: {missing:?}");
    }
}

/// The example tenant, in whose first subscription the fixtures happened yesterday.
fn with_fixtures() -> Azure {
    let mut azure = Azure::new(Settings::default(), example::directory(1));
    let yesterday = Utc::now() - TimeDelta::days(1);
    let folder = artifacts::workspace().join("fixtures/events");
    let files = fs::read_dir(folder).expect("the fixtures are there");
    for (number, file) in files.enumerate() {
        let text = fs::read_to_string(file.expect("a readable folder").path()).expect("a readable file");
        let text = text.replace(DAY, &yesterday.format("%Y-%m-%dT").to_string());
        let event = Event::new(&format!("fixture-{number}"), yesterday, yesterday, text);
        azure.add(&Scope::Subscription(example::PRODUCTION.to_owned()), event);
    }
    azure
}

/// The fields of a table.
fn documented(format: &str) -> BTreeSet<String> {
    let page = artifacts::workspace().join(format!("docs/fields-{format}.md"));
    let text = fs::read_to_string(page).expect("the page is there");
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let fields = text.lines().filter_map(cell);
    fields
        .map(|field| field.trim_end_matches(".*").to_owned())
        .collect()
}

fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    paths.insert(path.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(elements) => {
            for element in elements.iter().filter(|element| element.is_object()) {
                collect(element, &format!("{path}[]"), paths);
            }
        }
        _ => {}
    }
}
