//! `[[source]]`: one table read key by key.

use std::path::{Path, PathBuf};

use headwater::egress::{Grant, Origin};
use headwater::model::{SOURCE_NAME_RULE, is_source_name};
use headwater::plugin::registry::Reference;
use headwater::secret::Template;
use headwater::sink::{Rotation, SinkConfig};
use toml::Value;

use super::places::Places;
use super::section::Section;
use super::written::{Problem, Written};
use super::{PluginPlace, SourceConfig, limits, outbound, sink};

/// Where plugins from registries are kept, beside the state file.
const PLUGIN_FOLDER: &str = "plugins";

pub(super) fn read_source(section: Section<'_>, places: &Places<'_>, state_folder: &Path) -> SourceConfig {
    let name = section.required_text("name", "contoso");
    check_name(&section, &name);
    let plugin = read_plugin(&section, places, state_folder);
    let digest = section
        .text("digest")
        .and_then(|text| read_digest(&section, &text));
    let interval = section.duration("interval");
    if interval.is_some_and(|interval| interval.is_zero()) {
        section.problem("interval", "must be longer than zero; write for example \"300s\"");
    }
    let grant = read_grant(&section);
    let (allow, allow_private) = (section.texts("allow"), grant.allows_private());
    let outbound = outbound::read(&section, places);
    let (dead_letter, dead_letter_rotation) = read_dead_letter(&section);
    let dead_letter = match dead_letter {
        Some(path) => places.join(path),
        None => state_folder.join(format!("{name}.dead.ndjson")),
    };
    let config = read_written(&section, "config", places);
    let template: Template = config
        .template("config")
        .unwrap_or_else(|found| note(&section, found));
    note::<()>(&section, template.ungranted(&grant));
    let limits = section.table("limits").map(limits::read).unwrap_or_default();
    let sink = match section.table("sink") {
        Some(sink) => sink::read(sink, places),
        None => SinkConfig::Stdout,
    };
    section.finish();
    SourceConfig {
        name,
        plugin,
        digest,
        interval,
        allow,
        allow_private,
        outbound,
        dead_letter,
        dead_letter_rotation,
        config,
        limits,
        sink,
    }
}

/// A path, or a table with a path and when the file is rotated.
fn read_dead_letter(section: &Section<'_>) -> (Option<String>, Rotation) {
    if !section.value("dead_letter").is_some_and(Value::is_table) {
        return (section.text("dead_letter"), Rotation::default());
    }
    let table = section.table("dead_letter").map(|table| {
        let read = (table.text("path"), sink::read_rotation(&table));
        table.finish();
        read
    });
    table.unwrap_or_default()
}

fn read_plugin(section: &Section<'_>, places: &Places<'_>, state_folder: &Path) -> PluginPlace {
    let text = section.required_text("plugin", "source.wasm");
    match Reference::parse(&text) {
        None => PluginPlace::File(places.join(text)),
        Some(Ok(reference)) => PluginPlace::Registry(reference, state_folder.join(PLUGIN_FOLDER)),
        Some(Err(problem)) => {
            section.problem("plugin", problem);
            PluginPlace::File(PathBuf::new())
        }
    }
}

fn check_name(section: &Section<'_>, name: &str) {
    if section.value("name").is_some() && !is_source_name(name) {
        section.problem("name", SOURCE_NAME_RULE);
    }
}

fn read_digest(section: &Section<'_>, text: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:").map(str::to_lowercase);
    let hex = hex.filter(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hex.is_none() {
        section.problem(
            "digest",
            "must be `sha256:` and 64 hexadecimal digits; `headwater describe` prints it",
        );
    }
    hex
}

fn read_grant(section: &Section<'_>) -> Grant {
    let mut origins = Vec::new();
    for text in section.texts("allow") {
        match Origin::parse_grant(&text) {
            Ok(origin) => origins.push(origin),
            Err(problem) => section.problem("allow", problem),
        }
    }
    Grant::new(origins, section.flag("allow_private").unwrap_or(false))
}

/// A table whose values may be secrets kept elsewhere.
fn read_written(section: &Section<'_>, key: &'static str, places: &Places<'_>) -> Written {
    let table = read_table(section, key);
    Written::new(&table, key, places).unwrap_or_else(|found| note(section, found))
}

/// Notes problems, and stands in for what has them.
fn note<T: Default>(section: &Section<'_>, found: Vec<Problem>) -> T {
    for (key, problem) in found {
        section.problem(&key, problem);
    }
    T::default()
}

/// A table as it stands there; empty when it is missing.
pub(super) fn read_table(section: &Section<'_>, key: &'static str) -> toml::Table {
    let table = section.value(key).map(|value| value.as_table().cloned());
    table
        .unwrap_or_else(|| Some(toml::Table::new()))
        .unwrap_or_else(|| {
            section.problem(key, "must be a table");
            toml::Table::new()
        })
}

/// What a sink fills in at each use. Its secrets never reach a source, so there is nothing to bind.
pub(super) fn make_template(
    section: &Section<'_>,
    key: &'static str,
    table: &toml::Table,
    places: &Places<'_>,
) -> Template {
    let made = Written::new(table, key, places).and_then(|written| written.template(key));
    let template: Template = made.unwrap_or_else(|found| note(section, found));
    for (path, _) in template.bindings() {
        let path = path.strip_prefix("sink.").unwrap_or(path);
        section.problem(
            &format!("{path}.bound_to"),
            "is for secrets in `source.config`; remove it, a source never sees those of its sink",
        );
    }
    template
}
