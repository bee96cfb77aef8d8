//! Configuration with secrets left out, and filled in again at every use.

mod binding;
mod helper;
mod helper_run;
#[cfg(test)]
mod helper_tests;
mod placeholder;
mod reference;
#[allow(
    clippy::module_inception,
    reason = "the module of this name has the type of this name"
)]
mod secret;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use self::binding::Binding;
pub use self::helper::SecretHelper;
pub use self::helper_run::HelperSettings;
pub use self::placeholder::problem as problem_of;
use self::reference::{FetchError, Reference};
pub use self::secret::Secret;
pub use self::text::SecretText;
use crate::egress::{BoundSecret, BoundSecrets, Grant, Origin};
use crate::redact::Redactor;

/// A source's configuration as written: JSON values, and references to the places where secrets are kept.
///
/// It is resolved again before every call, so that a rotated secret needs no restart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<(String, Node)>);

/// A configuration ready for the plugin. Holds secrets, so it shows nothing of itself.
pub struct Resolved {
    /// The JSON document for the plugin.
    pub json: String,
    /// Removes the document's secrets from text that people will see.
    pub redactor: Redactor,
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
pub type Problem = (String, String);

impl Template {
    /// A template of a JSON object, whose secrets stand at these JSON Pointers. `name` is what the object is called in messages.
    ///
    /// # Errors
    ///
    /// Each problem with its key.
    pub fn new(name: &str, config: &Value, secrets: &[(String, Secret)]) -> Result<Self, Vec<Problem>> {
        let Some(object) = config.as_object() else {
            return Err(vec![(name.to_owned(), "must be a JSON object".to_owned())]);
        };
        let mut nodes = read_object(object);
        let mut problems = Vec::new();
        for (pointer, secret) in secrets {
            let (path, problem) = place(&mut nodes, name, pointer, secret);
            problems.extend(problem.map(|problem| (path, problem)));
        }
        if problems.is_empty() {
            Ok(Self(nodes))
        } else {
            Err(problems)
        }
    }

    /// Fetches the secrets and writes the document for the plugin.
    ///
    /// `secret_keys` are top-level keys whose values are secret even where they are written in the file itself.
    ///
    /// # Errors
    ///
    /// Every secret that is missing, with where it was looked for.
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
            redactor: Redactor::new(secrets),
            bound: BoundSecrets::new(bound),
        })
    }

    /// Each secret of its place. One that hangs ends this at once, so that no source has more than one read that hangs.
    #[expect(
        clippy::mutable_key_type,
        reason = "what a helper has said is no part of what its key is"
    )]
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

    /// Has secrets fetched again that a helper program brought some time ago: somebody has refused one of them.
    pub fn refused(&self) {
        let mut kept = Vec::new();
        for (_, node) in &self.0 {
            node.add_kept(&mut kept);
        }
        for Kept { reference, .. } in kept {
            reference.refused();
        }
    }

    /// The files that secrets are kept in.
    pub fn files(&self) -> Vec<&Path> {
        let mut kept = Vec::new();
        for (_, node) in &self.0 {
            node.add_kept(&mut kept);
        }
        kept.into_iter()
            .filter_map(|kept| kept.reference.file())
            .collect()
    }

    /// The secrets that could never be used, because they are bound to origins that are not granted.
    pub fn ungranted(&self, grant: &Grant) -> Vec<Problem> {
        let bindings = self.bindings().into_iter();
        let ungranted = bindings.filter(|(_, origin)| !grant.contains(origin));
        let problem = |(key, origin)| {
            let key = format!("{key}.bound_to");
            (
                key,
                format!(
                    "{origin} is not in `allow`, so the secret could never be used; add it, or correct it"
                ),
            )
        };
        ungranted.map(problem).collect()
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
    fn new(path: String, secret: &Secret) -> Result<Self, String> {
        let binding = secret.bound_to.clone().map(Binding::new).transpose()?;
        Ok(Self {
            path,
            reference: secret.reference.clone(),
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

fn read_object(object: &Map<String, Value>) -> Vec<(String, Node)> {
    object
        .iter()
        .map(|(key, value)| (key.clone(), read_node(value)))
        .collect()
}

fn read_node(value: &Value) -> Node {
    match value {
        Value::Array(items) => Node::List(items.iter().map(read_node).collect()),
        Value::Object(object) => Node::Table(read_object(object)),
        other => Node::Value(other.clone()),
    }
}

/// Puts a secret into its place. Members that are missing on the way are added, those of lists are not. Returns the key of the
/// place, and what is wrong with it if something is.
fn place(
    nodes: &mut Vec<(String, Node)>,
    name: &str,
    pointer: &str,
    secret: &Secret,
) -> (String, Option<String>) {
    let mut path = name.to_owned();
    let Some(steps) = pointer.strip_prefix('/') else {
        return (
            path,
            Some(format!(
                "\"{pointer}\" is not a JSON Pointer to a member; write for example \"/client_secret\""
            )),
        );
    };
    let mut steps = steps
        .split('/')
        .map(|step| step.replace("~1", "/").replace("~0", "~"));
    let mut present = member(nodes, steps.next().unwrap_or_default(), &mut path);
    for step in steps {
        present = match present {
            Node::Table(nodes) => member(nodes, step, &mut path),
            Node::List(items) => {
                path.push_str(&format!("[{step}]"));
                let item = step.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                let Some(item) = item else {
                    return (path, Some("the list has no such item for a secret".to_owned()));
                };
                item
            }
            Node::Value(_) | Node::Secret(_) => {
                return (
                    path,
                    Some("is neither an object nor a list, so that no secret fits into it".to_owned()),
                );
            }
        };
    }
    match Kept::new(path.clone(), secret) {
        Ok(kept) => {
            *present = Node::Secret(kept);
            (path, None)
        }
        Err(problem) => (path, Some(problem)),
    }
}

/// The member of this name, which is added if it is missing.
fn member<'a>(nodes: &'a mut Vec<(String, Node)>, key: String, path: &mut String) -> &'a mut Node {
    path.push_str(&format!(".{key}"));
    let index = nodes
        .iter()
        .position(|(name, _)| *name == key)
        .unwrap_or_else(|| {
            nodes.push((key, Node::Table(Vec::new())));
            nodes.len() - 1
        });
    &mut nodes[index].1
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
mod tests;
