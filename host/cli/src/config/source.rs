//! `[[source]]`: one table read key by key.

use std::path::{Path, PathBuf};

use headwater::egress::{Grant, Origin};
use headwater::model::{SOURCE_NAME_RULE, is_source_name};
use headwater::plugin::registry::Reference;
use headwater::secret::Template;
use headwater::sink::SinkConfig;

use super::places::Places;
use super::section::Section;
use super::templates::{note, read_table};
use super::written::Written;
use super::{PluginPlace, SourceConfig, dead_letter, limits, outbound, sink};

/// Where plugins from registries are kept, beside the state file.
const PLUGIN_FOLDER: &str = "plugins";

/// Reads a source. `has_database` tells whether its cursors are kept in one.
pub(super) fn read_source(
    section: Section<'_>,
    places: &Places<'_>,
    state_folder: &Path,
    has_database: bool,
) -> SourceConfig {
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
    let usual = (!has_database).then(|| state_folder.join(format!("{name}.dead.ndjson")));
    let dead_letter = dead_letter::read(&section, places, usual);
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
        config,
        limits,
        sink,
    }
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
