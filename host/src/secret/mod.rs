//! Configuration with secrets left out, and filled in again at every use.

mod binding;
mod placeholder;
mod reference;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use self::binding::Binding;
pub(crate) use self::placeholder::problem as problem_of;
use self::reference::{FetchError, Reference};
pub use self::text::SecretText;
use crate::egress::{BoundSecret, BoundSecrets, Origin};
use crate::redact::Redactor;

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
    pub scrubber: Redactor,
    /// The secrets that the document has placeholders of.
    pub bound: BoundSecrets,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Value(Value),
    Secret(Kept),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// A secret that is kept elsewhere.
#[derive(Clone, PartialEq, Eq)]
struct Kept {
    /// Its key.
    path: String,
    reference: Reference,
    binding: Option<Binding>,
}

/// What comes together while a template is resolved.
struct Gathered<'a> {
    fetched: HashMap<&'a Reference, Result<String, FetchError>>,
    secrets: Vec<String>,
    bound: Vec<BoundSecret>,
    missing: Vec<String>,
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
    /// `secret_keys` are top-level keys whose values are secret even where they are written in the file itself.
    pub async fn resolve(&self, secret_keys: &[String]) -> Result<Resolved, MissingSecrets> {
        let mut gathered = Gathered {
            fetched: self.fetch().await?,
            secrets: Vec::new(),
            bound: Vec::new(),
            missing: Vec::new(),
        };
        let document: Map<String, Value> = self
            .0
            .iter()
            .map(|(key, node)| (key.clone(), node.resolve(&mut gathered)))
            .collect();
        let Gathered {
            mut secrets,
            bound,
            mut missing,
            ..
        } = gathered;
        for (key, node) in self.0.iter().filter(|(key, _)| secret_keys.contains(key)) {
            if let Node::Value(Value::String(text)) = node
                && let Some(problem) = placeholder::problem(text)
            {
                missing.push(format!("config.{key}: {problem}"));
            }
        }
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
            scrubber: Redactor::new(secrets),
            bound: BoundSecrets::new(bound),
        })
    }

    /// Each secret of its place. One that hangs ends this at once, so that no source has more than one read that hangs.
    async fn fetch(&self) -> Result<HashMap<&Reference, Result<String, FetchError>>, MissingSecrets> {
        let mut kept = Vec::new();
        for (_, node) in &self.0 {
            node.add_kept(&mut kept);
        }
        let mut fetched = HashMap::new();
        for Kept { path, reference, .. } in kept {
            if fetched.contains_key(reference) {
                continue;
            }
            let secret = reference.fetch().await;
            if let Err(FetchError::Hangs(problem)) = secret {
                return Err(MissingSecrets(vec![format!("{path}: {problem}")]));
            }
            fetched.insert(reference, secret);
        }
        Ok(fetched)
    }

    /// The files that secrets are kept in.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let mut kept = Vec::new();
        for (_, node) in &self.0 {
            node.add_kept(&mut kept);
        }
        kept.into_iter()
            .filter_map(|kept| kept.reference.file())
            .collect()
    }

    /// The keys of bound secrets, and the origin of each.
    pub fn bindings(&self) -> Vec<(&str, &Origin)> {
        let mut kept = Vec::new();
        for (_, node) in &self.0 {
            node.add_kept(&mut kept);
        }
        kept.into_iter()
            .filter_map(|kept| {
                Some((
                    kept.path.as_str(),
                    kept.binding.as_ref().map(|binding| &binding.origin)?,
                ))
            })
            .collect()
    }
}

impl Node {
    fn resolve(&self, gathered: &mut Gathered<'_>) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.resolve(gathered)).collect(),
            Self::Table(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.resolve(gathered)))
                    .collect(),
            ),
            Self::Secret(kept) => kept.resolve(gathered),
        }
    }

    fn add_kept<'a>(&'a self, found: &mut Vec<&'a Kept>) {
        match self {
            Self::Value(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.add_kept(found)),
            Self::Table(entries) => entries.iter().for_each(|(_, node)| node.add_kept(found)),
            Self::Secret(kept) => found.push(kept),
        }
    }
}

impl Kept {
    /// Reads `{ env = … }` or `{ file = … }`, alone or with `bound_to`; none for any other table.
    fn read(table: &toml::Table, path: &str, folder: &Path, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut place = table.clone();
        let bound_to = place.remove("bound_to");
        let reference = Reference::read(&place, folder)?;
        let binding = bound_to.and_then(|bound_to| {
            let problem = |problem| problems.push((format!("{path}.bound_to"), problem));
            Binding::new(&bound_to).map_err(problem).ok()
        });
        Some(Self {
            path: path.to_owned(),
            reference,
            binding,
        })
    }

    fn resolve(&self, gathered: &mut Gathered<'_>) -> Value {
        let secret = match gathered.fetched.get(&self.reference) {
            Some(Ok(secret)) => secret.clone(),
            None => return Value::Null,
            Some(Err(problem)) => {
                gathered.missing.push(format!("{}: {problem}", self.path));
                return Value::Null;
            }
        };
        gathered.secrets.push(secret.clone());
        match &self.binding {
            None => secret.into(),
            Some(Binding { origin, placeholder }) => {
                gathered.secrets.push(placeholder.clone());
                gathered.bound.push(BoundSecret {
                    placeholder: placeholder.clone(),
                    secret,
                    origin: origin.clone(),
                });
                placeholder.as_str().into()
            }
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
        toml::Value::Table(table) => match Kept::read(table, path, folder, problems) {
            Some(kept) => Node::Secret(kept),
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

    #[tokio::test]
    async fn a_secret_file_is_read_anew_at_every_use() {
        let folder = tempfile::tempdir().unwrap();
        let template = template(r#"client_secret = { file = "secret.txt" }"#, folder.path());
        for secret in ["first-secret", "second-secret"] {
            std::fs::write(folder.path().join("secret.txt"), format!("{secret}\n")).unwrap();
            let resolved = template.resolve(&[]).await.unwrap();
            assert_eq!(resolved.json, format!(r#"{{"client_secret":"{secret}"}}"#));
            assert_eq!(
                resolved.scrubber.clean(&format!("got {secret}!")),
                "got [secret]!"
            );
        }
    }

    #[tokio::test]
    async fn every_missing_secret_is_named_by_key_and_place() {
        let template = template(
            "a = { env = \"HEADWATER_TEST_UNSET\" }\nb = [{ file = \"nowhere\" }]\nc = { env = 1, file = 2 }",
            Path::new("/nonexistent"),
        );
        let MissingSecrets(missing) = template.resolve(&[]).await.unwrap_err();
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].starts_with("config.a: the environment variable HEADWATER_TEST_UNSET is not set"));
        assert!(missing[1].starts_with("config.b[0]: cannot read the secret file /nonexistent/nowhere"));
    }

    #[tokio::test]
    async fn a_literal_secret_is_scrubbed_and_never_debugged() {
        let template = template("client_secret = \"written-here\"\nname = \"x\"", Path::new("."));
        let resolved = template.resolve(&["client_secret".to_owned()]).await.unwrap();
        assert_eq!(resolved.scrubber.clean("written-here"), "[secret]");
        let shown = format!("{template:?} {resolved:?}");
        assert!(!shown.contains("written-here"), "{shown}");
    }

    #[tokio::test]
    async fn a_bound_secret_is_a_placeholder_in_the_document() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret.txt"), "the-secret").unwrap();
        let text = "a = { b = [{ file = \"secret.txt\", bound_to = \"https://login.example.com\" }] }";
        let template = template(text, folder.path());
        assert_eq!(
            template.bindings(),
            [(
                "config.a.b[0]",
                &Origin::parse("https://login.example.com").unwrap()
            )]
        );
        let (one, two) = (
            template.resolve(&[]).await.unwrap(),
            template.resolve(&[]).await.unwrap(),
        );
        assert!(!one.json.contains("the-secret"), "{}", one.json);
        assert_eq!(one.json, two.json, "the placeholder lasts");
        assert_eq!(one.scrubber.clean("the-secret"), "[secret]");
        assert!(
            !one.scrubber.clean(&one.json).contains("hw"),
            "placeholders are nobody's business either"
        );
    }

    #[test]
    fn a_binding_to_no_origin_is_refused_by_key() {
        for bound_to in ["\"login.example.com\"", "\"http://example.com\"", "7"] {
            let text = format!("a = {{ env = \"X\", bound_to = {bound_to} }}");
            let problems = Template::new(&text.parse().unwrap(), "config", Path::new(".")).unwrap_err();
            assert_eq!(problems[0].0, "config.a.bound_to", "{problems:?}");
        }
    }

    #[tokio::test]
    async fn toml_becomes_the_same_json() {
        let text = "a = 1\nb = 1.5\nc = [true, \"x\"]\nd = { e = 2024-01-01T00:00:00Z }";
        let resolved = template(text, Path::new(".")).resolve(&[]).await.unwrap();
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
