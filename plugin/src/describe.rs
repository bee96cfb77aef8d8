//! What this source says of itself.

use crate::contract::{Manifest, Nanos};
use crate::cursor;
use crate::duration::{MINUTE, SECOND};
use crate::format::Format;

/// Events take minutes to become readable, so that asking more often finds little.
const DEFAULT_INTERVAL: Nanos = 5 * MINUTE;
/// Below this a single source could use up the reads that Azure grants an application.
const MINIMUM_INTERVAL: Nanos = SECOND;

/// The configuration as JSON Schema (2020-12), on one line; made by `build.rs`.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/schema.json"));

/// Where the project is published: what a release sets when it builds this; else empty, since nobody knows yet.
const HOMEPAGE: &str = match option_env!("HEADWATER_HOMEPAGE") {
    Some(address) => address,
    None => "",
};

/// The manifest.
pub fn manifest() -> Manifest {
    Manifest {
        name: "azure-activity".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Azure Monitor Activity Log of subscriptions and of the tenant".to_owned(),
        homepage: HOMEPAGE.to_owned(),
        config_schema: SCHEMA.to_owned(),
        formats: Format::NAMES.map(str::to_owned).to_vec(),
        cursor_format: cursor::FORMAT,
        default_interval: DEFAULT_INTERVAL,
        minimum_interval: MINIMUM_INTERVAL,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::PRESETS;
    use crate::config::{self, DEFAULT_LOOKBACK, DEFAULT_START, DEFAULT_WINDOW};
    use crate::duration;

    fn properties() -> serde_json::Map<String, Value> {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        schema["properties"].as_object().unwrap().clone()
    }

    #[test]
    fn the_schema_says_what_its_file_says() {
        let file: Value = serde_json::from_str(include_str!("config/schema.json")).unwrap();
        let dense: Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(dense, file);
        assert!(!SCHEMA.contains('\n'));
    }

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        let mut known = config::KEYS.to_vec();
        let mut described: Vec<String> = properties().keys().cloned().collect();
        known.sort_unstable();
        described.sort_unstable();
        assert_eq!(described, known);
    }

    #[test]
    fn every_key_is_explained_and_secrets_are_marked() {
        for (key, property) in properties() {
            assert!(
                property["title"].is_string() && property["description"].is_string(),
                "{key}"
            );
            let secret = key.starts_with("client_") && key != "client_id";
            assert_eq!(property["writeOnly"] == json!(true), secret, "{key}");
        }
    }

    #[test]
    fn defaults_and_choices_are_those_of_the_code() {
        let properties = properties();
        assert_eq!(properties["start"]["default"], duration::format(DEFAULT_START));
        assert_eq!(
            properties["lookback"]["default"],
            duration::format(DEFAULT_LOOKBACK)
        );
        assert_eq!(properties["window"]["default"], duration::format(DEFAULT_WINDOW));
        assert_eq!(properties["format"]["enum"], json!(Format::NAMES));
        assert_eq!(
            properties["cloud"]["oneOf"][0]["enum"],
            json!(PRESETS.map(|(name, _, _)| name))
        );
    }
}
