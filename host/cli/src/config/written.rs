//! A table whose values may be secrets kept elsewhere: JSON, and the places of the secrets in it.

use headwater::egress::Origin;
use headwater::secret::{Secret, SecretText, Template};
use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::places::{Places, SECRET_FORMS};

/// A table as JSON without its secrets, and those with the JSON Pointers to their places.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The JSON object.
    pub json: Json,
    /// The secrets.
    pub secrets: Vec<(String, Secret)>,
}

/// An empty table.
impl Default for Written {
    fn default() -> Self {
        Self {
            json: Json::Object(Map::new()),
            secrets: Vec::new(),
        }
    }
}

/// A problem with a key: the key's full name, and a sentence.
pub type Problem = (String, String);

impl Written {
    /// Reads a TOML table. `name` is the table's name for messages, `places` what its values lead to.
    pub(super) fn new(table: &Table, name: &str, places: &Places<'_>) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader {
            places,
            secrets: Vec::new(),
            problems: Vec::new(),
        };
        let json = Json::Object(reader.table(table, name, ""));
        if reader.problems.is_empty() {
            Ok(Self {
                json,
                secrets: reader.secrets,
            })
        } else {
            Err(reader.problems)
        }
    }

    /// What is filled in at each use; `name` is what the table is called in messages.
    pub fn template(&self, name: &str) -> Result<Template, Vec<Problem>> {
        Template::new(name, &self.json, &self.secrets)
    }
}

/// A text that is written there, or kept elsewhere. The error is a sentence.
pub(super) fn read_secret_text(value: &Value, places: &Places<'_>) -> Result<SecretText, String> {
    let kept = match value {
        Value::String(text) => return Ok(SecretText::written(text.clone())),
        Value::Table(table) => places.reference(table),
        _ => None,
    };
    let secret = kept.unwrap_or_else(|| Err(SECRET_FORMS.to_owned()))?;
    Ok(SecretText::from(secret))
}

/// Whether a table says where a secret is kept, well or badly.
pub(super) fn is_reference(table: &Table) -> bool {
    const KEYS: [&str; 5] = ["env", "file", "secret", "key", "bound_to"];
    let names_place = ["env", "file", "secret"]
        .iter()
        .any(|key| table.contains_key(*key));
    names_place && table.keys().all(|key| KEYS.contains(&key.as_str()))
}

struct Reader<'a> {
    places: &'a Places<'a>,
    secrets: Vec<(String, Secret)>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, table: &Table, path: &str, pointer: &str) -> Map<String, Json> {
        table
            .iter()
            .map(|(key, value)| {
                let step = key.replace('~', "~0").replace('/', "~1");
                let json = self.value(value, &format!("{path}.{key}"), &format!("{pointer}/{step}"));
                (key.clone(), json)
            })
            .collect()
    }

    fn value(&mut self, value: &Value, path: &str, pointer: &str) -> Json {
        match value {
            Value::String(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Boolean(flag) => (*flag).into(),
            Value::Datetime(time) => time.to_string().into(),
            Value::Float(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => number.into(),
                None => {
                    self.problem(path, "JSON has no such number; write a finite one");
                    Json::Null
                }
            },
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    self.value(item, &format!("{path}[{index}]"), &format!("{pointer}/{index}"))
                })
                .collect(),
            Value::Table(table) => match self.secret(table, path) {
                Some(secret) => {
                    self.secrets.push((pointer.to_owned(), secret));
                    Json::Null
                }
                None => Json::Object(self.table(table, path, pointer)),
            },
        }
    }

    /// Reads `{ env = … }`, `{ file = … }` or `{ secret = …, key = … }`, alone or with `bound_to`; none for any other table.
    fn secret(&mut self, table: &Table, path: &str) -> Option<Secret> {
        let mut place = table.clone();
        let bound_to = place.remove("bound_to");
        let secret = match self.places.reference(&place)? {
            Ok(secret) => secret,
            Err(problem) => {
                self.problem(path, &problem);
                return None;
            }
        };
        let Some(bound_to) = bound_to else {
            return Some(secret);
        };
        let text = bound_to
            .as_str()
            .ok_or("must be an origin (a string in quotes), for example \"https://login.example.com\"");
        match text.map_err(str::to_owned).and_then(Origin::parse_grant) {
            Ok(origin) => Some(secret.bound_to(origin)),
            Err(problem) => {
                self.problem(&format!("{path}.bound_to"), &problem);
                Some(secret)
            }
        }
    }

    fn problem(&mut self, path: &str, problem: &str) {
        self.problems.push((path.to_owned(), problem.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use headwater::secret::{HelperSettings, SecretHelper};

    use super::*;

    fn written(text: &str) -> Result<Written, Vec<Problem>> {
        let vault = SecretHelper::new(HelperSettings::new("vault", "fetch"));
        let places = Places {
            folder: Path::new("/etc"),
            helpers: &[vault],
        };
        Written::new(&text.parse().unwrap(), "config", &places)
    }

    #[test]
    fn toml_becomes_the_same_json() {
        let text = "a = 1\nb = 1.5\nc = [true, \"x\"]\nd = { e = 2024-01-01T00:00:00Z }";
        assert_eq!(
            written(text).unwrap().json.to_string(),
            r#"{"a":1,"b":1.5,"c":[true,"x"],"d":{"e":"2024-01-01T00:00:00Z"}}"#
        );
    }

    #[test]
    fn references_are_places_of_secrets_and_other_tables_are_not() {
        let text = "a = { env = \"X\" }\nb = [{ file = \"s\" }]\n\"c/d\" = { e = { env = 1, file = 2 }, f = { env = \"Y\" } }";
        let written = written(text).unwrap();
        assert_eq!(
            written.json.to_string(),
            r#"{"a":null,"b":[null],"c/d":{"e":{"env":1,"file":2},"f":null}}"#
        );
        assert_eq!(
            written.secrets,
            [
                ("/a".to_owned(), Secret::env("X")),
                ("/b/0".to_owned(), Secret::file("/etc/s")),
                ("/c~1d/f".to_owned(), Secret::env("Y")),
            ]
        );
    }

    #[test]
    fn a_secret_of_a_helper_needs_one_that_is_described() {
        let known = written("a = { secret = \"vault\", key = \"k\" }").unwrap();
        assert_eq!(known.secrets[0].0, "/a");
        assert_eq!(
            format!("{:?}", known.secrets[0].1),
            "Secret(the key `k` of the helper `vault`)"
        );
        let unknown = written("a = { secret = \"valt\", key = \"k\" }").unwrap_err();
        assert_eq!(unknown[0].0, "config.a");
        assert!(unknown[0].1.contains("[secrets.valt]"), "{unknown:?}");
    }

    #[test]
    fn a_binding_to_something_else_than_an_origin_is_refused_by_key() {
        for bound_to in ["\"login.example.com\"", "\"http://example.com\"", "7"] {
            let problems = written(&format!("a = {{ env = \"X\", bound_to = {bound_to} }}")).unwrap_err();
            assert_eq!(problems[0].0, "config.a.bound_to", "{problems:?}");
        }
    }

    #[test]
    fn a_number_that_json_lacks_is_refused_by_key() {
        assert_eq!(written("a = { b = inf }").unwrap_err()[0].0, "config.a.b");
    }
}
