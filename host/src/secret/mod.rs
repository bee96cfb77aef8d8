//! Configuration with secrets left out, and filled in again at every use.

mod reference;
mod text;

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use self::reference::Reference;
pub use self::text::SecretText;
use crate::scrub::Scrubber;

/// A source's configuration as written: JSON values, and references to the places where secrets are kept.
///
/// It is resolved anew before every call, so that a rotated secret needs no restart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<(String, Node)>);

/// A configuration ready for the plugin. Holds secrets, so it shows nothing of itself.
pub struct Resolved {
    /// The JSON document for the plugin.
    pub json: String,
    /// Removes the document's secrets from text that people will see.
    pub scrubber: Scrubber,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Value(Value),
    Secret(String, Reference),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// Secrets that could not be had: each with its key and what to do, never with a value.
#[derive(Debug, Error)]
#[error("{}", .0.join("; "))]
pub struct MissingSecrets(pub Vec<String>);

/// A problem with a key: the key's full name, and a sentence.
type Problem = (String, String);

impl Template {
    /// Reads a TOML table. `path` is the table's name for messages, `folder` what relative paths are relative to.
    pub fn new(table: &toml::Table, path: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let nodes = read_table(table, path, folder, &mut problems);
        if problems.is_empty() {
            Ok(Self(nodes))
        } else {
            Err(problems)
        }
    }

    /// Fetches the secrets and writes the document for the plugin.
    ///
    /// `secret_keys` are top-level keys whose values are secret even where they stand in the file itself.
    pub fn resolve(&self, secret_keys: &[String]) -> Result<Resolved, MissingSecrets> {
        let mut secrets = Vec::new();
        let mut missing = Vec::new();
        let document: Map<String, Value> = self
            .0
            .iter()
            .map(|(key, node)| (key.clone(), node.resolve(&mut secrets, &mut missing)))
            .collect();
        if !missing.is_empty() {
            return Err(MissingSecrets(missing));
        }
        for key in secret_keys {
            if let Some(Value::String(text)) = document.get(key) {
                secrets.push(text.clone());
            }
        }
        Ok(Resolved {
            json: Value::Object(document).to_string(),
            scrubber: Scrubber::new(secrets),
        })
    }
}

impl Node {
    fn resolve(&self, secrets: &mut Vec<String>, missing: &mut Vec<String>) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.resolve(secrets, missing)).collect(),
            Self::Table(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.resolve(secrets, missing)))
                    .collect(),
            ),
            Self::Secret(path, reference) => match reference.fetch() {
                Ok(secret) => {
                    secrets.push(secret.clone());
                    Value::String(secret)
                }
                Err(problem) => {
                    missing.push(format!("{path}: {problem}"));
                    Value::Null
                }
            },
        }
    }
}

fn read_table(
    table: &toml::Table,
    path: &str,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Node)> {
    table
        .iter()
        .map(|(key, value)| {
            (
                key.clone(),
                read_node(value, &format!("{path}.{key}"), folder, problems),
            )
        })
        .collect()
}

fn read_node(value: &toml::Value, path: &str, folder: &Path, problems: &mut Vec<Problem>) -> Node {
    match value {
        toml::Value::String(text) => Node::Value(text.as_str().into()),
        toml::Value::Integer(number) => Node::Value((*number).into()),
        toml::Value::Boolean(flag) => Node::Value((*flag).into()),
        toml::Value::Datetime(time) => Node::Value(time.to_string().into()),
        toml::Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => Node::Value(number.into()),
            None => {
                problems.push((
                    path.to_owned(),
                    "JSON has no such number; write a finite one".to_owned(),
                ));
                Node::Value(Value::Null)
            }
        },
        toml::Value::Array(items) => Node::List(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| read_node(item, &format!("{path}[{index}]"), folder, problems))
                .collect(),
        ),
        toml::Value::Table(table) => match Reference::read(table, folder) {
            Some(reference) => Node::Secret(path.to_owned(), reference),
            None => Node::Table(read_table(table, path, folder, problems)),
        },
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets that were written into the file; keys never are.
        formatter
            .debug_list()
            .entries(self.0.iter().map(|(key, _)| key))
            .finish()
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Resolved(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str, folder: &Path) -> Template {
        Template::new(&text.parse().unwrap(), "config", folder).unwrap()
    }

    #[test]
    fn a_secret_file_is_read_anew_at_every_use() {
        let folder = tempfile::tempdir().unwrap();
        let template = template(r#"client_secret = { file = "secret.txt" }"#, folder.path());
        for secret in ["first-secret", "second-secret"] {
            std::fs::write(folder.path().join("secret.txt"), format!("{secret}\n")).unwrap();
            let resolved = template.resolve(&[]).unwrap();
            assert_eq!(resolved.json, format!(r#"{{"client_secret":"{secret}"}}"#));
            assert_eq!(
                resolved.scrubber.clean(&format!("got {secret}!")),
                "got [secret]!"
            );
        }
    }

    #[test]
    fn every_missing_secret_is_named_by_key_and_place() {
        let template = template(
            "a = { env = \"HEADWATER_TEST_UNSET\" }\nb = [{ file = \"nowhere\" }]\nc = { env = 1, file = 2 }",
            Path::new("/nonexistent"),
        );
        let MissingSecrets(missing) = template.resolve(&[]).unwrap_err();
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].starts_with("config.a: the environment variable HEADWATER_TEST_UNSET is not set"));
        assert!(missing[1].starts_with("config.b[0]: cannot read the secret file /nonexistent/nowhere"));
    }

    #[test]
    fn a_literal_secret_is_scrubbed_and_never_debugged() {
        let template = template("client_secret = \"written-here\"\nname = \"x\"", Path::new("."));
        let resolved = template.resolve(&["client_secret".to_owned()]).unwrap();
        assert_eq!(resolved.scrubber.clean("written-here"), "[secret]");
        let shown = format!("{template:?} {resolved:?}");
        assert!(!shown.contains("written-here"), "{shown}");
    }

    #[test]
    fn toml_becomes_the_same_json() {
        let text = "a = 1\nb = 1.5\nc = [true, \"x\"]\nd = { e = 2024-01-01T00:00:00Z }";
        let resolved = template(text, Path::new(".")).resolve(&[]).unwrap();
        assert_eq!(
            resolved.json,
            r#"{"a":1,"b":1.5,"c":[true,"x"],"d":{"e":"2024-01-01T00:00:00Z"}}"#
        );
    }

    #[test]
    fn a_number_that_json_lacks_is_refused_by_key() {
        let problems =
            Template::new(&"a = { b = inf }".parse().unwrap(), "config", Path::new(".")).unwrap_err();
        assert_eq!(problems[0].0, "config.a.b");
    }
}
