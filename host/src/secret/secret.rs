//! A secret that is kept elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};

use super::helper::SecretHelper;
use super::reference::Reference;
use crate::egress::Origin;

/// A secret, or rather the place that it is fetched from at every use. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub(super) reference: Reference,
    pub(super) bound_to: Option<Origin>,
}

impl Secret {
    /// In an environment variable of this process.
    pub fn env(name: impl Into<String>) -> Self {
        Self::at(Reference::Environment(name.into()))
    }

    /// In a file, which holds nothing but the secret. A line end after it is not part of it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Reference::File(path.into()))
    }

    /// In the memory of this process.
    pub fn text(secret: impl Into<String>) -> Self {
        Self::at(Reference::Memory(secret.into()))
    }

    /// Only for requests to this origin: the source has a placeholder instead, which the host replaces in requests there and nowhere
    /// else.
    #[must_use]
    pub fn bound_to(mut self, origin: Origin) -> Self {
        self.bound_to = Some(origin);
        self
    }

    /// The file that it is kept in, if it is kept in one.
    pub fn path(&self) -> Option<&Path> {
        self.reference.file()
    }

    /// Fetches it in advance, if a helper program has to be run for that. The error is what its use would say.
    ///
    /// # Errors
    ///
    /// It cannot be had at present.
    pub async fn prefetch(&self) -> Result<(), String> {
        match &self.reference {
            Reference::Helper(key) => key.fetch().await.map(drop),
            _ => Ok(()),
        }
    }

    fn at(reference: Reference) -> Self {
        Self {
            reference,
            bound_to: None,
        }
    }
}

impl SecretHelper {
    /// The secret that the program knows under this key. It is fetched with the next run, whoever causes that.
    pub fn secret(&self, key: &str) -> Secret {
        Secret::at(Reference::Helper(self.key(key)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.reference)
    }
}
