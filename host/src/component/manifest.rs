//! What a plugin's configuration schema tells the host.

use serde_json::Value;

use super::raw;
use crate::model::{Failure, Fault, Key, Manifest};
use crate::redact::Redactor;

/// Bytes of a schema: as JSON values it takes many times that.
const LARGEST_SCHEMA: usize = 1 << 20;
/// Keys of a configuration.
const MOST_KEYS: usize = 1_000;
/// Letters of a plugin's name and of its version, which are stored with each cursor.
const LONGEST_NAME: usize = 64;

/// Checks what a plugin says it is. Takes time in proportion to its size.
///
/// # Errors
///
/// The schema of its configuration is too large.
pub fn judge_manifest(manifest: raw::Manifest) -> Result<Manifest, Failure> {
    let refused = |problem: String| {
        let hint = "this is a defect of the plugin; report it to its author";
        Err(Failure::host(Fault::Broken, "description", problem).with_hint(hint))
    };
    let bytes = manifest.config_schema.len();
    if bytes > LARGEST_SCHEMA {
        return refused(format!(
            "the schema of the plugin's configuration has {bytes} bytes; at most {LARGEST_SCHEMA} are read"
        ));
    }
    let keys = keys(&manifest.config_schema);
    // A key that was left out could be a secret.
    if keys.len() > MOST_KEYS {
        return refused(format!(
            "the schema of the plugin's configuration has {} keys; at most {MOST_KEYS} are read",
            keys.len()
        ));
    }
    let cleaner = Redactor::default();
    let name = |text: &str| cleaner.clean(text).chars().take(LONGEST_NAME).collect();
    Ok(Manifest {
        name: name(&manifest.name),
        version: name(&manifest.version),
        summary: manifest.summary,
        homepage: manifest.homepage,
        config_schema: manifest.config_schema,
        formats: manifest.formats,
        cursor_format: manifest.cursor_format,
        default_interval: manifest.default_interval,
        minimum_interval: manifest.minimum_interval,
        keys,
    })
}

/// The top-level keys of a schema, in its order. Empty for what is no schema.
fn keys(schema: &str) -> Vec<Key> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|listed| listed == name))
    };
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| Key {
            name: name.clone(),
            required: required(name),
            secret: property["writeOnly"] == true,
            default: property.get("default").map(Value::to_string),
            description: property["description"]
                .as_str()
                .or(property["title"].as_str())
                .unwrap_or_default()
                .to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_schema_names_its_keys_and_secrets() {
        let schema = r#"{"required":["id"],"properties":{
            "id":{"title":"Id","description":"Which one."},
            "pass":{"title":"Password","writeOnly":true},
            "every":{"default":"1h","description":"How often."}}}"#;
        let keys = keys(schema);
        let flags: Vec<_> = keys
            .iter()
            .map(|key| (key.name.as_str(), key.required, key.secret))
            .collect();
        assert_eq!(flags.len(), 3);
        for expected in [
            ("id", true, false),
            ("pass", false, true),
            ("every", false, false),
        ] {
            assert!(flags.contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn a_schema_that_is_too_large_is_refused_with_the_bound() {
        let described = |config_schema: String| {
            judge_manifest(raw::Manifest {
                name: "n\u{1b}[2J".repeat(1_000),
                version: "1.0.0".to_owned(),
                summary: String::new(),
                homepage: String::new(),
                config_schema,
                formats: Vec::new(),
                cursor_format: 1,
                default_interval: Duration::from_nanos(1),
                minimum_interval: Duration::from_nanos(1),
            })
        };
        let with_keys = |count: usize| {
            let keys: Vec<String> = (0..count).map(|number| format!("\"{number}\":{{}}")).collect();
            described(format!("{{\"properties\":{{{}}}}}", keys.join(",")))
        };
        let most = with_keys(MOST_KEYS).unwrap();
        assert_eq!(most.keys.len(), MOST_KEYS);
        assert_eq!(most.name.chars().count(), LONGEST_NAME);
        assert!(!most.name.contains('\u{1b}'), "{}", most.name);
        for (refused, bound) in [
            (with_keys(MOST_KEYS + 1), "1000"),
            (described(" ".repeat(LARGEST_SCHEMA + 1)), "1048576"),
        ] {
            let failure = refused.unwrap_err();
            assert_eq!(failure.code, "host.description");
            assert!(failure.message.contains(bound), "{failure}");
        }
    }

    #[test]
    fn what_is_no_schema_names_nothing() {
        for schema in ["", "[]", "{}", "{\"properties\":7}"] {
            assert_eq!(keys(schema), [], "{schema}");
        }
    }
}
