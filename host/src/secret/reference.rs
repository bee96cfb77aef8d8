//! Places where secrets are kept.

use std::fmt;
use std::path::{Path, PathBuf};

/// What a `{ file = … }` may hold; more is a mistyped path.
const LARGEST_SECRET: u64 = 64 << 10;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Reference {
    Environment(String),
    File(PathBuf),
}

impl Reference {
    /// A table with the single key `env` or `file` and a text is a reference.
    pub(super) fn read(table: &toml::Table, folder: &Path) -> Option<Self> {
        let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
        match (key.as_str(), value.as_str()?) {
            ("env", name) => Some(Self::Environment(name.to_owned())),
            ("file", path) => Some(Self::File(folder.join(path))),
            _ => None,
        }
    }

    /// The secret, or a sentence that says where it was looked for.
    pub(super) fn fetch(&self) -> Result<String, String> {
        let secret = match self {
            Self::Environment(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    format!("the environment variable {name} is not set; set it before starting headwater")
                }
                std::env::VarError::NotUnicode(_) => {
                    format!("the environment variable {name} is not UTF-8 text")
                }
            })?,
            Self::File(path) => read_secret(path)?,
        };
        if secret.is_empty() {
            return Err(format!("{self} is empty; put the secret there"));
        }
        Ok(secret)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(formatter, "the environment variable {name}"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
        }
    }
}

/// Reads a secret file without the line end that editors put at its end.
fn read_secret(path: &Path) -> Result<String, String> {
    let unreadable = |error| format!("cannot read the secret file {}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST_SECRET {
        return Err(format!(
            "{} is too large ({size} bytes) to be a secret; check the path",
            path.display()
        ));
    }
    let mut text = std::fs::read_to_string(path).map_err(unreadable)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
