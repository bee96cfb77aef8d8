//! Takes a JSON object apart key by key and collects every issue on the way.

use serde_json::{Map, Value};

use crate::contract::Issue;

/// Issues in the order they were found.
#[derive(Debug, Default)]
pub struct Issues(pub Vec<Issue>);

impl Issues {
    /// Notes an issue at a JSON Pointer.
    pub fn add(&mut self, pointer: impl AsRef<str>, message: impl AsRef<str>) {
        self.note(pointer.as_ref(), message.as_ref());
    }

    /// One copy of it: there are dozens of calls.
    #[inline(never)]
    fn note(&mut self, pointer: &str, message: &str) {
        self.0.push(Issue {
            pointer: pointer.to_owned(),
            message: message.to_owned(),
        });
    }
}

/// An object whose keys are known beforehand.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
}

impl<'a> Fields<'a> {
    /// Opens an object at a pointer and reports the keys that are not `known`, each with the nearest one that is.
    pub fn open(
        object: &'a Map<String, Value>,
        pointer: &str,
        known: &[&str],
        issues: &mut Issues,
    ) -> Fields<'a> {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let message = match nearest(key, known) {
                Some(near) => format!("is not a known key; did you mean `{near}`?"),
                None => format!("is not a known key; the known ones are {}", known.join(", ")),
            };
            issues.add(format!("{pointer}/{}", escape(key)), message);
        }
        Fields {
            object,
            pointer: pointer.to_owned(),
        }
    }

    /// The pointer of a key.
    pub fn pointer(&self, key: &str) -> String {
        format!("{}/{key}", self.pointer)
    }

    /// A value; null counts as not given.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// A text that is not blank, without the blanks around it.
    pub fn text(&self, key: &str, issues: &mut Issues) -> Option<&'a str> {
        match self.value(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim()),
            Value::String(_) => {
                issues.add(self.pointer(key), "is empty; give a value or leave the key out");
                None
            }
            other => {
                issues.add(self.pointer(key), format!("must be text, not {}", kind(other)));
                None
            }
        }
    }

    /// True or false.
    pub fn flag(&self, key: &str, issues: &mut Issues) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            issues.add(
                self.pointer(key),
                format!("must be true or false, not {}", kind(value)),
            );
        }
        value.as_bool()
    }

    /// A list.
    pub fn list(&self, key: &str, issues: &mut Issues) -> Option<&'a Vec<Value>> {
        let value = self.value(key)?;
        if value.as_array().is_none() {
            issues.add(self.pointer(key), format!("must be a list, not {}", kind(value)));
        }
        value.as_array()
    }
}

/// What a value is, in words that do not show it: it may be a misplaced secret.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A key as part of a JSON Pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The known word that a mistyped one most probably means: at most a third of its letters are wrong.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let (distance, near) = known
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .min()?;
    (distance * 3 <= near.len()).then_some(near)
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named_when_it_is_near() {
        let known = ["tenant_id", "client_id", "client_secret"];
        for (word, expected) in [
            ("tenantid", Some("tenant_id")),
            ("TENANT_ID", Some("tenant_id")),
            ("clientSecret", Some("client_secret")),
            ("interval", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
