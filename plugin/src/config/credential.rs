//! What proves the application to Entra. Values stay out of `Debug`, so that no log line can show one by accident.

use std::fmt;

#[cfg(feature = "certificate")]
use crate::certificate::Certificate;

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
