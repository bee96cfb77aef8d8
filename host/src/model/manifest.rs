//! What a plugin says about itself.

use std::time::Duration;

/// A plugin's description of itself, name and version made printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Short name in lower case and dashes.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// What it reads, in one line.
    pub summary: String,
    /// Where its documentation is; empty while it is nowhere.
    pub homepage: String,
    /// JSON Schema (2020-12) of the configuration. Secrets carry `"writeOnly": true`.
    pub config_schema: String,
    /// The formats of event bodies that it can write, the default first.
    pub formats: Vec<String>,
    /// The cursor format that this version writes. It reads this one and older ones.
    pub cursor_format: u32,
    /// How often to poll when nobody says.
    pub default_interval: Duration,
    /// Polling more often than this does harm.
    pub minimum_interval: Duration,
    /// The top-level keys of the schema, in its order.
    pub keys: Vec<Key>,
}

impl Manifest {
    /// The top-level keys whose values are secrets wherever they are written.
    pub fn secret_keys(&self) -> Vec<String> {
        let secret = self.keys.iter().filter(|key| key.secret);
        secret.map(|key| key.name.clone()).collect()
    }
}

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
