//! The index templates in `docs/elastic/` are made of the field tables: every field that is written is mapped by its own
//! type, nothing is guessed, and what is open-ended is one field. `UPDATE_TEMPLATES=1` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use azure_activity::format::Format;
use serde_json::{Map, Value, json};

/// Who reads the template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Elasticsearch,
    OpenSearch,
}

const ENGINES: [(Engine, &str); 2] = [
    (Engine::Elasticsearch, "elasticsearch"),
    (Engine::OpenSearch, "opensearch"),
];

/// Longer keywords are found in the document, and not by search: a term of more than 32,766 bytes would be refused.
const LONGEST_KEYWORD: u64 = 8_000;

/// How deep the objects inside an open-ended one may be, the most that the formats leave there.
const DEEPEST: u64 = 110;

const NUMBERS: [&str; 21] = [
    "severity_number",
    "attributes.http.response.status_code",
    "activity_id",
    "category_uid",
    "class_uid",
    "type_uid",
    "severity_id",
    "status_id",
    "action_id",
    "metadata.logged_time",
    "api.response.code",
    "cloud.account.type_id",
    "actor.user.type_id",
    "observables[].type_id",
    "event.severity",
    "http.response.status_code",
    "process.pid",
    "process.parent.pid",
    "azure.activity_logs.autoscale.old",
    "azure.activity_logs.autoscale.new",
    "source.as.number",
];
const DATES: [&str; 2] = ["@timestamp", "event.created"];
const TEXTS: [&str; 4] = [
    "message",
    "event.reason",
    "status_detail",
    "attributes.azure.activity_log.message",
];
/// Kept in the document only.
const SOURCES: [&str; 3] = ["event.original", "raw_data", "attributes.log.record.original"];
const OPEN_ENDED: [&str; 10] = [
    "labels",
    "resource.attributes.labels",
    "body.properties",
    "body.identity.claims",
    "azure.activity_logs.properties",
    "azure.activity_logs.claims",
    "azure.activity_logs.unknown",
    "azure.activitylogs.properties",
    "azure.activitylogs.identity.claims",
    "raw_event",
];

/// What OCSF has no place for goes by the names that ECS consumers know.
const OURS: &str = "azure.activity_logs.";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The fields that a page documents.
fn documented(page: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder().join(page)).expect("the page is there");
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    text.lines().filter_map(cell).collect()
}

fn kind(path: &str, engine: Engine) -> Value {
    let elastic = engine == Engine::Elasticsearch;
    // The record as received may hold terms of any length, which OpenSearch has no way to pass over.
    if path == "raw_event" && !elastic {
        return json!({"type": "object", "enabled": false});
    }
    if OPEN_ENDED.contains(&path) {
        return if elastic {
            json!({"type": "flattened", "ignore_above": LONGEST_KEYWORD, "depth_limit": DEEPEST})
        } else {
            json!({"type": "flat_object"})
        };
    }
    match path {
        "time" => json!({"type": "date", "format": "epoch_millis"}),
        "is_alert" => json!({"type": "boolean"}),
        _ if NUMBERS.contains(&path) => json!({"type": "long"}),
        _ if DATES.contains(&path) => json!({"type": "date"}),
        _ if TEXTS.contains(&path) => json!({"type": if elastic { "match_only_text" } else { "text" }}),
        _ if SOURCES.contains(&path) => json!({"type": "keyword", "index": false, "doc_values": false}),
        _ if path == "ip" || path.ends_with(".ip") => json!({"type": "ip"}),
        _ => json!({"type": "keyword", "ignore_above": LONGEST_KEYWORD}),
    }
}

fn insert(properties: &mut Map<String, Value>, path: &str, kind: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        properties.insert(path.trim_end_matches("[]").to_owned(), kind);
        return;
    };
    let object = properties
        .entry(first.trim_end_matches("[]"))
        .or_insert_with(|| json!({"properties": {}}));
    let inner = object["properties"]
        .as_object_mut()
        .expect("a path leads through objects");
    insert(inner, rest, kind);
}

fn template(format: Format, engine: Engine) -> Value {
    let mut properties = Map::new();
    let mut fields = match format {
        Format::Ecs => documented("fields-ecs.md"),
        Format::Elastic => documented("fields-elastic.md"),
        Format::Ocsf => documented("fields-ocsf.md"),
        Format::Otel => documented("fields-otel.md"),
        Format::Aisoc => documented("fields-aisoc.md"),
        Format::Raw => BTreeSet::new(),
    };
    if fields.remove("unmapped.*") {
        for path in documented("fields-ecs.md") {
            if let Some(rest) = path.strip_prefix(OURS) {
                insert(&mut properties, &format!("unmapped.{rest}"), kind(&path, engine));
            }
        }
    }
    for path in &fields {
        insert(&mut properties, path, kind(path, engine));
    }
    let mut mappings = json!({
        "dynamic": false,
        "date_detection": false,
        "numeric_detection": false,
        "properties": properties,
    });
    // Any member of a record may have any name and any shape.
    if format == Format::Raw {
        mappings = json!({"enabled": false});
    }
    let (pattern, is_stream) = match format {
        Format::Ecs => ("logs-azure.activity_logs-*".to_owned(), true),
        Format::Elastic => ("logs-azure.activitylogs-*".to_owned(), true),
        Format::Otel => ("logs-azure.activity_logs.otel-*".to_owned(), true),
        _ => (format!("azure-activity-{}*", format.name()), false),
    };
    let mut template = json!({
        "index_patterns": [pattern],
        "priority": 400,
        "template": {"mappings": mappings},
        "_meta": {"description": format!("Headwater, Azure Activity Log, format {}", format.name())},
    });
    if is_stream {
        template["data_stream"] = json!({});
    }
    template
}

/// How many fields a mapping has, objects included, as the limit of an index counts them.
fn count(mapping: &Value) -> usize {
    let Some(properties) = mapping["properties"].as_object() else {
        return 0;
    };
    properties.values().map(|field| 1 + count(field)).sum()
}

#[test]
fn the_templates_map_every_documented_field_and_guess_nothing() {
    for (engine, name) in ENGINES {
        for format in Format::ALL {
            let path = folder()
                .join("elastic")
                .join(name)
                .join(format!("{}.json", format.name()));
            let expected = template(format, engine);
            if std::env::var_os("UPDATE_TEMPLATES").is_some() {
                let text = serde_json::to_string_pretty(&expected).expect("it is JSON");
                fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
                fs::write(&path, text + "\n").expect("it can be written");
            }
            let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
            let found: Value = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(found, expected, "{}", path.display());
            assert!(
                count(&found["template"]["mappings"]) < 1_000,
                "{}",
                path.display()
            );
        }
    }
}
