//! What a plugin's configuration schema tells the host.

use serde_json::Value;

/// One key of a plugin's configuration, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it holds a secret.
    pub secret: bool,
    /// The value that stands in for a missing one, as JSON.
    pub default: Option<String>,
    /// What it means.
    pub description: String,
}

/// The top-level keys of a schema, in its order. Empty for what is no schema.
pub fn keys(schema: &str) -> Vec<Key> {
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

/// The keys whose values are secrets wherever they stand.
pub(crate) fn secret_keys(schema: &str) -> Vec<String> {
    keys(schema)
        .into_iter()
        .filter(|key| key.secret)
        .map(|key| key.name)
        .collect()
}

#[cfg(test)]
mod tests {
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
        assert_eq!(secret_keys(schema), ["pass"]);
    }

    #[test]
    fn what_is_no_schema_names_nothing() {
        for schema in ["", "[]", "{}", "{\"properties\":7}"] {
            assert_eq!(keys(schema), [], "{schema}");
        }
    }
}
