//! What a source is: its keys, described once, make the schema, the judgement of a configuration and its origins.

use serde_json::{Map, Value, json};

use crate::contract::{Manifest, Nanos};
use crate::duration::{self, MINUTE, SECOND};
use crate::planning::Planning;

/// The schema's dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What a source is, and the keys of its configuration.
#[derive(Debug, Clone)]
pub struct Description {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    homepage: &'static str,
    formats: Vec<&'static str>,
    interval: Nanos,
    minimum_interval: Nanos,
    keys: Vec<Key>,
    alternatives: Vec<&'static [&'static str]>,
}

/// One key of the configuration.
#[derive(Debug, Clone)]
pub struct Key {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    kind: Kind,
    required: bool,
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Secret,
    Url,
    Duration,
    Number,
    Flag,
    /// Anything that this JSON Schema allows; the source looks at it itself.
    Shaped(fn() -> Value),
}

impl Description {
    /// A source: its short name in lower case and dashes, its version, what it reads in one line, where its documentation is (empty
    /// while it is nowhere). It is
    /// polled every minute and not more often than every second, unless it says otherwise.
    pub fn new(
        name: &'static str,
        version: &'static str,
        summary: &'static str,
        homepage: &'static str,
    ) -> Self {
        Self {
            name,
            version,
            summary,
            homepage,
            formats: vec![name],
            interval: MINUTE,
            minimum_interval: SECOND,
            keys: Vec::new(),
            alternatives: Vec::new(),
        }
    }

    /// With the shapes of event bodies that it can write, the default first. The key `format` of the configuration chooses; it
    /// is added where there is more than one.
    #[must_use]
    pub fn formats(mut self, formats: &[&'static str]) -> Self {
        self.formats = formats.to_vec();
        self
    }

    /// With how often it is polled, and how often at most, in nanoseconds.
    #[must_use]
    pub fn intervals(mut self, default: Nanos, minimum: Nanos) -> Self {
        (self.interval, self.minimum_interval) = (default, minimum);
        self
    }

    /// With one more key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// With keys of which exactly one must be given, such as two kinds of credentials.
    #[must_use]
    pub fn one_of(mut self, keys: &'static [&'static str]) -> Self {
        self.alternatives.push(keys);
        self
    }

    /// The manifest of the contract.
    pub(crate) fn manifest(self, cursor_format: u32) -> Manifest {
        Manifest {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            summary: self.summary.to_owned(),
            homepage: self.homepage.to_owned(),
            config_schema: self.schema().to_string(),
            formats: self.formats.iter().map(|format| (*format).to_owned()).collect(),
            cursor_format,
            default_interval: self.interval,
            minimum_interval: self.minimum_interval,
        }
    }

    fn schema(&self) -> Value {
        let mut properties: Map<String, Value> = self
            .keys
            .iter()
            .map(|key| (key.name.to_owned(), key.schema()))
            .collect();
        if let [default, _, ..] = self.formats[..] {
            let format = json!({
                "type": "string",
                "title": "Format",
                "description": "The shape of event bodies.",
                "enum": self.formats,
                "default": default,
            });
            properties.insert("format".to_owned(), format);
        }
        let required = self.keys.iter().filter(|key| key.required);
        let mut schema = json!({
            "$schema": DIALECT,
            "type": "object",
            "required": required.map(|key| key.name).collect::<Vec<_>>(),
            "additionalProperties": false,
            "properties": properties,
        });
        if !self.alternatives.is_empty() {
            let one = |keys: &&[&str]| {
                let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
                json!({ "oneOf": each })
            };
            schema["allOf"] = self.alternatives.iter().map(one).collect();
        }
        schema
    }
}

impl Key {
    fn new(name: &'static str, title: &'static str, description: &'static str, kind: Kind) -> Self {
        Self {
            name,
            title,
            description,
            kind,
            required: false,
        }
    }

    /// A text.
    pub fn text(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Text)
    }

    /// A secret, which the host keeps out of everything that it prints. Read it as [`Secret`](crate::Secret).
    pub fn secret(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Secret)
    }

    /// An `http` or `https` URL without user, query and fragment. Its origin is one that the source contacts.
    pub fn url(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Url)
    }

    /// A span of time such as `30m`. Read it with [`duration::text`](crate::duration::text).
    pub fn duration(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Duration)
    }

    /// A whole number that is not negative.
    pub fn number(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Number)
    }

    /// Yes or no.
    pub fn flag(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(name, title, description, Kind::Flag)
    }

    /// A value of a shape of its own, as JSON Schema says it without title and description. [`Source::plan`](crate::Source::plan)
    /// looks at the value.
    pub fn shaped(
        name: &'static str,
        title: &'static str,
        description: &'static str,
        schema: fn() -> Value,
    ) -> Self {
        Self::new(name, title, description, Kind::Shaped(schema))
    }

    /// The same key, which must be given.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text | Kind::Secret | Kind::Url | Kind::Duration => json!({ "type": "string" }),
            Kind::Number => json!({ "type": "integer" }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Shaped(shape) => shape(),
        };
        schema["title"] = self.title.into();
        schema["description"] = self.description.into();
        match self.kind {
            Kind::Secret => schema["writeOnly"] = true.into(),
            Kind::Url => schema["format"] = "uri".into(),
            Kind::Number => schema["minimum"] = 0.into(),
            Kind::Text | Kind::Duration | Kind::Flag | Kind::Shaped(_) => {}
        }
        schema
    }

    /// What is wrong with a value, if anything is.
    fn problem(&self, value: &Value) -> Option<&'static str> {
        let text = value.as_str();
        let is_empty = text.is_some_and(str::is_empty);
        match self.kind {
            Kind::Text | Kind::Secret if text.is_none() => Some("is not text (a string in quotes)"),
            Kind::Text | Kind::Secret if is_empty => Some("is empty"),
            Kind::Url if text.and_then(origin).is_none() => Some(
                "is not an http or https URL without user, query and fragment, for example \"https://log.example/v1\"",
            ),
            Kind::Duration if text.and_then(duration::parse).is_none() => {
                Some("is not a duration; write for example \"30m\"")
            }
            Kind::Number if !value.is_u64() => Some("is not a whole number"),
            Kind::Flag if !value.is_boolean() => Some("is neither true nor false"),
            _ => None,
        }
    }
}

/// Notes everything that is wrong with a configuration by its keys, and the origins that they name.
pub(crate) fn judge(description: &Description, object: &Map<String, Value>, planning: &mut Planning) {
    let formats = &description.formats;
    let has_format = formats.len() > 1;
    for name in object.keys() {
        let is_known =
            description.keys.iter().any(|key| key.name == name) || (has_format && name == "format");
        if !is_known {
            let known: Vec<&str> = description.keys.iter().map(|key| key.name).collect();
            let message = format!("is not a known key; the known ones are {}", known.join(", "));
            planning.issue(
                format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                message,
            );
        }
    }
    if let Some(format) = object.get("format").filter(|_| has_format)
        && !formats.iter().any(|known| format == known)
    {
        planning.issue("/format", format!("is not one of {}", formats.join(", ")));
    }
    judge_alternatives(description, object, planning);
    for key in &description.keys {
        let pointer = format!("/{}", key.name);
        match object.get(key.name).filter(|value| !value.is_null()) {
            None if key.required => planning.issue(pointer, format!("is missing: {}", key.description)),
            None => {}
            Some(value) => match key.problem(value) {
                Some(problem) => planning.issue(pointer, problem),
                None if matches!(key.kind, Kind::Url) => {
                    if let Some(origin) = value.as_str().and_then(origin) {
                        planning.origin(origin);
                    }
                }
                None => {}
            },
        }
    }
}

/// Notes where none or more than one of some keys is given.
fn judge_alternatives(description: &Description, object: &Map<String, Value>, planning: &mut Planning) {
    for keys in &description.alternatives {
        let is_given = |key: &&&str| object.get(**key).is_some_and(|value| !value.is_null());
        let given: Vec<&&str> = keys.iter().filter(is_given).collect();
        match given[..] {
            [] => planning.issue("", format!("needs one of {}", keys.join(", "))),
            [first, second, ..] => {
                let message = format!("cannot be used together with {first}: set one of them");
                planning.issue(format!("/{second}"), message);
            }
            [_] => {}
        }
    }
}

/// The origin of an `http` or `https` URL; none for anything else.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split('/').next()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['?', '#']);
    let is_web = matches!(scheme.as_str(), "http" | "https");
    (is_web && is_clean && !authority.is_empty() && authority.bytes().all(fits))
        .then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_alternatives_exactly_one_is_to_be_given() {
        let description = Description::new("a", "1.0.0", "A", "")
            .key(Key::secret("secret", "Secret", "A secret."))
            .key(Key::secret("token", "Token", "A token."))
            .one_of(&["secret", "token"]);
        for (config, issue) in [
            (json!({}), Some(("", "needs one of secret, token"))),
            (
                json!({ "secret": null }),
                Some(("", "needs one of secret, token")),
            ),
            (json!({ "token": "x" }), None),
            (
                json!({ "secret": "x", "token": "y" }),
                Some(("/token", "cannot be used together with secret: set one of them")),
            ),
        ] {
            let mut planning = Planning::default();
            judge(&description, config.as_object().unwrap(), &mut planning);
            let found = planning.issues.first();
            let found = found.map(|issue| (issue.pointer.as_str(), issue.message.as_str()));
            assert_eq!(found, issue, "{config}");
        }
        let schema = description.schema();
        let expected = json!([{ "oneOf": [{ "required": ["secret"] }, { "required": ["token"] }] }]);
        assert_eq!(schema["allOf"], expected);
    }

    #[test]
    fn the_origin_of_a_url_is_named_and_anything_else_has_none() {
        for (url, expected) in [
            ("https://log.example/v1/entries", Some("https://log.example")),
            ("HTTP://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("https://[::1]:8443/x", Some("https://[::1]:8443")),
            ("https://user@log.example/", None),
            ("https://log.example/?a=b", None),
            ("https:///x", None),
            ("ftp://log.example", None),
            ("log.example", None),
            ("https://log.example/a b", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }
}
