//! The field tables in `docs/` against what the fixtures turn into: no field without a row, no row without a field.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::facts::KNOWN_ROLES;
use azure_activity::format::Format;
use azure_activity::labels::Labels;
use azure_activity::record::Record;
use serde_json::Value;

/// Maps whose members are the upstream's own: one row for all of them.
const MAPS: [&str; 4] = [".properties", ".claims", ".unknown", "raw_event"];

/// Maps whose members are the operator's own.
const LABELS: [&str; 2] = ["labels", "resource.attributes.labels"];

/// What OCSF has no place for goes by the names that ECS consumers know.
const SHARED: (&str, &str) = ("unmapped.", "azure.activity_logs.");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documented(page: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join("docs").join(page)).expect("the page is there");
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    text.lines().filter_map(cell).collect()
}

fn written(format: Format) -> BTreeSet<String> {
    let settings = Settings {
        format,
        drop: Vec::new(),
        labels: Labels::new([("tenant", "contoso")]),
        ..Settings::default()
    };
    let mut normalizer = Normalizer::new(settings);
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(workspace().join("fixtures/events")).expect("the fixtures are there") {
        let raw = fs::read(entry.expect("a readable folder").path()).expect("a readable file");
        if let Outcome::Event(event) = normalizer.apply(&Record::read(raw.as_slice())) {
            let body: Value = serde_json::from_str(&event.body).expect("bodies are JSON");
            collect(&body, "", &mut paths);
        }
    }
    paths
}

fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    let is_map = LABELS.contains(&path) || MAPS.iter().any(|map| path.ends_with(map));
    match value {
        Value::Object(members) if !is_map => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(elements) if elements.iter().all(Value::is_object) => {
            elements
                .iter()
                .for_each(|element| collect(element, &format!("{path}[]"), paths));
        }
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

#[test]
fn the_tables_list_exactly_the_fields_that_are_written() {
    for (format, page) in [
        (Format::Ecs, "fields-ecs.md"),
        (Format::Elastic, "fields-elastic.md"),
        (Format::Otel, "fields-otel.md"),
        (Format::Aisoc, "fields-aisoc.md"),
    ] {
        assert_eq!(written(format), documented(page), "{page}");
    }
}

#[test]
fn what_ocsf_has_no_place_for_goes_by_the_names_of_ecs() {
    let (shared, own): (BTreeSet<_>, BTreeSet<_>) = written(Format::Ocsf)
        .into_iter()
        .partition(|path| path.starts_with(SHARED.0));
    let mut rows = documented("fields-ocsf.md");
    assert!(rows.remove("unmapped.*"));
    assert_eq!(own, rows);
    let ecs = documented("fields-ecs.md");
    for path in shared {
        assert!(ecs.contains(&path.replacen(SHARED.0, SHARED.1, 1)), "{path}");
    }
}

#[test]
fn the_severity_page_lists_the_roles() {
    let page = fs::read_to_string(workspace().join("docs/severity.md")).expect("the page is there");
    for role in KNOWN_ROLES {
        let controls = if role.controls_all { "yes" } else { "" };
        let row = format!("| {} | `{}` | {controls} |", role.name, role.id);
        assert!(page.contains(&row), "{row}");
    }
}
