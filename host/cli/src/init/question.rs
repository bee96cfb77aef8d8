//! What has to be asked, as the plugin's schema tells.

use std::collections::{BTreeMap, BTreeSet};

use headwater::model::Manifest;
use headwater::redact::printable::printable;
use serde_json::Value;

/// One key that has no value yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The key.
    pub(super) key: String,
    /// Whether its value is a secret, of which only the place is written.
    pub(super) secret: bool,
    title: String,
    description: String,
    /// The JSON type of its values, where there is only one.
    kind: Option<String>,
    /// A value that nearly everybody wants.
    usual: Option<String>,
}

/// Where a secret is found when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretPlace {
    /// An environment variable.
    Env(String),
    /// A file.
    File(String),
}

impl SecretPlace {
    /// Reads `env:NAME` or `file:PATH`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let is_variable = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match kind {
            "env" if !rest.is_empty() && is_variable(rest) => Some(Self::Env(rest.to_owned())),
            "file" if !rest.is_empty() => Some(Self::File(rest.to_owned())),
            _ => None,
        }
    }
}

/// The keys that a configuration needs: those that are required, of alternatives the first (unless another is in `set`), and
/// everything in `set`.
pub(super) fn questions(manifest: &Manifest, set: &BTreeMap<String, String>) -> Vec<Question> {
    let schema: Value = serde_json::from_str(&manifest.config_schema).unwrap_or_default();
    let mut wanted = names(&schema["required"]);
    let nested = schema["allOf"].as_array().into_iter().flatten();
    for part in std::iter::once(&schema).chain(nested) {
        for alternatives in [&part["oneOf"], &part["anyOf"]] {
            let alternatives: Vec<Vec<String>> = alternatives
                .as_array()
                .into_iter()
                .flatten()
                .map(|alternative| names(&alternative["required"]))
                .collect();
            let chosen = alternatives.iter().flatten().any(|key| set.contains_key(key));
            if let Some(first) = alternatives.first().filter(|_| !chosen) {
                wanted.extend(first.iter().cloned());
            }
        }
    }
    wanted.extend(set.keys().cloned());
    let mut asked = BTreeSet::new();
    wanted.retain(|key| asked.insert(key.clone()));
    let known = |key: &String| manifest.keys.iter().find(|known| known.name == *key);
    wanted
        .iter()
        .filter_map(known)
        .map(|key| {
            let property = &schema["properties"][&key.name];
            let text = |name: &str| property[name].as_str().unwrap_or_default();
            Question {
                key: key.name.clone(),
                secret: key.secret,
                title: printable(text("title")).into_owned(),
                description: printable(&key.description).into_owned(),
                kind: property["type"].as_str().map(str::to_owned),
                usual: property["oneOf"][0]["const"].as_str().map(str::to_owned),
            }
        })
        .collect()
}

fn names(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
impl Question {
    pub(super) fn secret(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            secret: true,
            title: String::new(),
            description: String::new(),
            kind: None,
            usual: None,
        }
    }
}

impl Question {
    /// What it is about, on lines of its own.
    pub(super) fn text(&self) -> String {
        let title = if self.title.is_empty() {
            &self.key
        } else {
            &self.title
        };
        let place = if self.secret {
            " It is not written into the file: say where it will be, as env:NAME or file:PATH."
        } else {
            ""
        };
        format!("\n{title}. {}{place}\n", self.description)
    }

    /// What stands before the cursor.
    pub(super) fn prompt(&self) -> String {
        match self.suggestion() {
            Some(suggestion) => format!("{} [{suggestion}]: ", self.key),
            None => format!("{}: ", self.key),
        }
    }

    /// What an empty answer means.
    pub(super) fn suggestion(&self) -> Option<String> {
        if self.secret {
            let variable: String = self
                .key
                .chars()
                .map(|letter| {
                    if letter.is_ascii_alphanumeric() {
                        letter.to_ascii_uppercase()
                    } else {
                        '_'
                    }
                })
                .collect();
            return Some(format!("env:{variable}"));
        }
        self.usual.clone()
    }

    /// What is wrong with an answer. It is not shown: it may be a secret in the wrong place.
    pub(super) fn problem(&self, answer: &str) -> Option<&'static str> {
        if answer.is_empty() {
            return Some("needs a value");
        }
        if self.secret && SecretPlace::read(answer).is_none() {
            return Some(
                "a secret is not written into the configuration; say where it is: env:NAME for an environment variable, or \
                 file:PATH",
            );
        }
        let is_plain_text = matches!(self.kind.as_deref(), None | Some("string"));
        if !self.secret && !is_plain_text && serde_json::from_str::<Value>(answer).is_err() {
            return Some("must be JSON, for example true, 5 or [\"a\", \"b\"]");
        }
        None
    }

    /// An answer as the plugin reads it.
    pub(super) fn value(&self, answer: &str) -> Value {
        let text = || Value::String(answer.to_owned());
        match self.kind.as_deref() {
            Some("string") => text(),
            // Of several types: a list or an object as JSON, everything else as text.
            None if !answer.starts_with(['[', '{']) => text(),
            _ => serde_json::from_str(answer).unwrap_or_else(|_| text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use headwater::model::Key;
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let schema = json!({
            "required": ["tenant"],
            "allOf": [
                {"oneOf": [{"required": ["password"]}, {"required": ["certificate"]}]},
                {"anyOf": [{"required": ["what"]}, {"required": ["all"]}]},
            ],
            "properties": {
                "tenant": {"title": "Tenant", "type": "string"},
                "password": {"writeOnly": true},
                "certificate": {"writeOnly": true},
                "what": {"oneOf": [{"const": "*"}, {"type": "array"}]},
                "all": {"type": "boolean"},
                "more": {"type": "integer"},
            },
        });
        let key = |name: &str| Key {
            name: name.to_owned(),
            required: name == "tenant",
            secret: ["password", "certificate"].contains(&name),
            default: None,
            description: String::new(),
        };
        Manifest {
            name: "n".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            homepage: String::new(),
            config_schema: schema.to_string(),
            formats: Vec::new(),
            cursor_format: 1,
            default_interval: Duration::from_secs(60),
            minimum_interval: Duration::from_secs(1),
            keys: ["tenant", "password", "certificate", "what", "all", "more"]
                .map(key)
                .to_vec(),
        }
    }

    fn keys(set: &[(&str, &str)]) -> Vec<String> {
        let set = set
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let questions = questions(&manifest(), &set.collect());
        questions.into_iter().map(|question| question.key).collect()
    }

    #[test]
    fn what_is_required_is_asked_and_of_alternatives_the_first() {
        assert_eq!(keys(&[]), ["tenant", "password", "what"]);
    }

    #[test]
    fn an_alternative_that_was_given_takes_the_place_of_the_first() {
        assert_eq!(
            keys(&[("certificate", "env:PEM"), ("all", "true"), ("more", "3")]),
            ["tenant", "all", "certificate", "more"]
        );
    }

    #[test]
    fn a_secret_is_a_place_and_never_a_value() {
        let set = BTreeMap::new();
        let secret = questions(&manifest(), &set).remove(1);
        for place in ["env:SECRET_1", "file:secrets/one", "file:/run/secrets/a b"] {
            assert_eq!(secret.problem(place), None, "{place}");
        }
        for value in ["hunter2", "env:", "env:A B", "file:", "vault:x", ""] {
            assert!(secret.problem(value).is_some(), "{value}");
        }
        assert_eq!(secret.suggestion().as_deref(), Some("env:PASSWORD"));
    }

    #[test]
    fn answers_have_the_type_of_their_key() {
        let set = BTreeMap::from([
            ("all".to_owned(), String::new()),
            ("more".to_owned(), String::new()),
        ]);
        let questions = questions(&manifest(), &set);
        let question = |key: &str| questions.iter().find(|question| question.key == key).unwrap();
        assert_eq!(question("all").value("true"), json!(true));
        assert_eq!(question("more").value("3"), json!(3));
        assert!(question("more").problem("three").is_some());
        assert_eq!(question("tenant").value("7"), json!("7"));
        let what = super::questions(&manifest(), &BTreeMap::new()).remove(2);
        assert_eq!(what.suggestion().as_deref(), Some("*"));
        assert_eq!(what.value("*"), json!("*"));
        assert_eq!(what.value("[\"a\"]"), json!(["a"]));
    }
}
