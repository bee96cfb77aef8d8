//! Why a configuration file cannot be used.

use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; {}", path.display(), missing(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// What the parser says. Not its excerpt of the line, which may show a secret.
        message: String,
    },
    /// The file says something that cannot be, and it concerns all sources.
    #[error("{} has {} problem(s):\n  {}", path.display(), problems.len(), problems.join("\n  "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Each problem, beginning with the key it is about.
        problems: Vec<String>,
    },
}

/// What to do about a configuration that cannot be read.
fn missing(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "`headwater init` writes a first one, --config names another one",
        _ => "check --config",
    }
}
