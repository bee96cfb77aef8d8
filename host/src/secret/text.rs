//! A single text that may be kept elsewhere.

use std::fmt;
use std::path::Path;

use super::reference::Reference;
use super::{Secret, placeholder};

/// A single text of the configuration: written there, or kept elsewhere. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Here(String),
    Elsewhere(Reference),
}

impl SecretText {
    /// A text that is written in the configuration.
    pub fn written(text: impl Into<String>) -> Self {
        Self(Kept::Here(text.into()))
    }

    /// The file that it is kept in, if it is kept in one.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Kept::Here(_) => None,
            Kept::Elsewhere(reference) => reference.file(),
        }
    }

    /// The text.
    ///
    /// # Errors
    ///
    /// A sentence that says where it was looked for.
    pub async fn fetch(&self) -> Result<String, String> {
        match &self.0 {
            Kept::Here(text) => Ok(text.clone()),
            Kept::Elsewhere(reference) => reference.fetch().await.map_err(|error| error.to_string()),
        }
    }

    /// The same for callers that may wait: never to be called on a worker of the runtime.
    ///
    /// # Errors
    ///
    /// As of [`Self::fetch`].
    pub fn fetch_blocking(&self) -> Result<String, String> {
        match &self.0 {
            Kept::Here(text) => Ok(text.clone()),
            Kept::Elsewhere(reference) => reference.fetch_blocking().map_err(|error| error.to_string()),
        }
    }

    /// Has it fetched again, if a helper program brought it: somebody has refused it.
    pub fn refused(&self) {
        if let Kept::Elsewhere(reference) = &self.0 {
            reference.refused();
        }
    }

    /// What is wrong with a text that is written in the configuration itself; none for one that is kept elsewhere.
    pub fn problem(&self) -> Option<&'static str> {
        match &self.0 {
            Kept::Here(text) if text.is_empty() => Some("is empty; write the secret, or where it is kept"),
            Kept::Here(text) => placeholder::problem(text),
            Kept::Elsewhere(_) => None,
        }
    }
}

impl From<Secret> for SecretText {
    fn from(secret: Secret) -> Self {
        Self(Kept::Elsewhere(secret.reference))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(hidden)")
    }
}
