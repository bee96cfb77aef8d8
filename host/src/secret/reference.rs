//! Places where secrets are kept.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use super::helper::HelperKey;
use super::placeholder;
use crate::file::small_file::{self, Purpose};

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Reference {
    /// In this process's memory only.
    Memory(String),
    Environment(String),
    File(PathBuf),
    /// A helper program knows it.
    Helper(HelperKey),
}

/// Why a secret cannot be had: a sentence that says where it was looked for, never with a value.
#[derive(Debug, Clone, Error)]
pub(super) enum FetchError {
    /// It is not there, or not a secret.
    #[error("{0}")]
    Missing(String),
    /// Its file hangs; files beside it probably do, too.
    #[error("{0}")]
    Hangs(String),
}

impl Reference {
    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Memory(_) | Self::Environment(_) | Self::Helper(_) => None,
            Self::File(path) => Some(path),
        }
    }

    /// The secret, or why it cannot be had.
    pub(super) async fn fetch(&self) -> Result<String, FetchError> {
        let secret = match self {
            Self::Memory(secret) => secret.clone(),
            Self::Environment(name) => read_variable(name)?,
            Self::File(path) => read_text(path, small_file::read(path, Purpose::SECRET).await)?,
            Self::Helper(key) => key.fetch().await.map_err(FetchError::Missing)?,
        };
        self.judge(secret)
    }

    /// The same for callers that may wait: never to be called on a worker of the runtime.
    pub(super) fn fetch_blocking(&self) -> Result<String, FetchError> {
        let secret = match self {
            Self::Memory(secret) => secret.clone(),
            Self::Environment(name) => read_variable(name)?,
            Self::File(path) => read_text(path, small_file::read_blocking(path, Purpose::SECRET))?,
            Self::Helper(key) => {
                let problem = format!("{key} cannot be used here; use an environment variable or a file");
                return Err(FetchError::Missing(problem));
            }
        };
        self.judge(secret)
    }

    /// Has it fetched again, if it is one that is kept: somebody has refused it.
    pub(super) fn refused(&self) {
        if let Self::Helper(key) = self {
            key.refused();
        }
    }

    fn judge(&self, secret: String) -> Result<String, FetchError> {
        if secret.is_empty() {
            return Err(FetchError::Missing(format!(
                "{self} is empty; put the secret there"
            )));
        }
        match placeholder::problem(&secret) {
            None => Ok(secret),
            Some(problem) => Err(FetchError::Missing(format!("what {self} holds {problem}"))),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => formatter.write_str("the secret given by the program"),
            Self::Environment(name) => write!(formatter, "the environment variable {name}"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
            Self::Helper(key) => write!(formatter, "{key}"),
        }
    }
}

fn read_variable(name: &str) -> Result<String, FetchError> {
    std::env::var(name).map_err(|error| {
        FetchError::Missing(match error {
            std::env::VarError::NotPresent => {
                format!("the environment variable {name} is not set; set it before starting headwater")
            }
            std::env::VarError::NotUnicode(_) => {
                format!("the environment variable {name} is not UTF-8 text; set it to the secret alone")
            }
        })
    })
}

/// The text of a secret file without the line end that editors put at its end.
fn read_text(path: &Path, read: io::Result<Vec<u8>>) -> Result<String, FetchError> {
    let bytes = read.map_err(|error| {
        let text = format!("cannot read the secret file {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::TimedOut => FetchError::Hangs(text),
            _ => FetchError::Missing(text),
        }
    })?;
    let mut text = String::from_utf8(bytes).map_err(|_| {
        FetchError::Missing(format!(
            "the secret file {} is not UTF-8 text; write the secret alone into it",
            path.display()
        ))
    })?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
