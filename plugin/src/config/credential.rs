//! What proves the application to Entra. Values stay out of `Debug`, so that no log line can show one by accident.

use std::fmt;

use super::fields::{Fields, Issues};
#[cfg(feature = "certificate")]
use crate::certificate::Certificate;
use crate::guid;

/// A value that must never be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Secret {
        Secret(value)
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// How the application proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A client secret.
    Secret(Secret),
    /// A certificate with its key, and the text that both were read from.
    #[cfg(feature = "certificate")]
    Certificate(Box<Certificate>, Secret),
    /// A JWT made by another issuer that the application trusts (workload identity federation).
    Assertion(Secret),
}

impl Credential {
    /// The secret text itself, whatever its kind: what a cached session is bound to.
    pub fn expose(&self) -> &str {
        match self {
            Credential::Secret(secret) | Credential::Assertion(secret) => secret.expose(),
            #[cfg(feature = "certificate")]
            Credential::Certificate(_, secret) => secret.expose(),
        }
    }
}

/// Reads whichever of the three keys is given; none only if an issue was noted.
pub fn read(fields: &Fields<'_>, issues: &mut Issues, warnings: &mut Issues) -> Option<Credential> {
    let keys = ["client_secret", "client_certificate", "client_assertion"];
    let given: Vec<&str> = keys
        .into_iter()
        .filter(|key| fields.value(key).is_some())
        .collect();
    let key = match given[..] {
        [key] => key,
        [] => {
            issues.add(
                "/client_secret",
                "is missing; give the Value of a client secret, or client_certificate, or client_assertion",
            );
            return None;
        }
        [first, ..] => {
            issues.add(
                fields.pointer(first),
                format!("{} exclude each other; keep one", given.join(" and ")),
            );
            return None;
        }
    };
    let text = fields.text(key, issues)?;
    if is_unfilled(text) {
        issues.add(
            fields.pointer(key),
            "looks like a placeholder that nothing has filled in; write { env = \"NAME\" } or { file = \"PATH\" } in its place",
        );
        return None;
    }
    let secret = Secret::new(text.to_owned());
    match key {
        "client_secret" => {
            if guid::parse(text).is_some() {
                warnings.add(
                    "/client_secret",
                    "looks like the Secret ID; the Value is needed, which the portal shows only once",
                );
            }
            Some(Credential::Secret(secret))
        }
        "client_assertion" => {
            if text.split('.').count() != 3 {
                issues.add(
                    "/client_assertion",
                    "is not a signed JWT of three parts; give the content of the federated token file",
                );
                return None;
            }
            Some(Credential::Assertion(secret))
        }
        _ => certificate(secret, issues),
    }
}

/// Whether a text is one that a shell, a template or a reader was to replace: `${NAME}`, `$NAME`, `%NAME%`, `{{ name }}`,
/// `<the secret>`. No secret that Entra makes has such letters.
fn is_unfilled(text: &str) -> bool {
    let between = |start: &str, end: &str| {
        text.len() > start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
    };
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let brackets = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("<", ">"), ("[", "]")];
    brackets.iter().any(|(start, end)| between(start, end))
        || text.strip_prefix('$').is_some_and(is_name)
        || text
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'))
            .is_some_and(is_name)
}

#[cfg(feature = "certificate")]
fn certificate(pem: Secret, issues: &mut Issues) -> Option<Credential> {
    match Certificate::read(pem.expose()) {
        Ok(certificate) => Some(Credential::Certificate(Box::new(certificate), pem)),
        Err(error) => {
            issues.add("/client_certificate", error.to_string());
            None
        }
    }
}

#[cfg(not(feature = "certificate"))]
fn certificate(_pem: Secret, issues: &mut Issues) -> Option<Credential> {
    issues.add(
        "/client_certificate",
        "needs the plugin azure_activity_certificate.wasm, which comes beside this one; name it in `plugin`, or use \
         client_secret or client_assertion",
    );
    None
}
