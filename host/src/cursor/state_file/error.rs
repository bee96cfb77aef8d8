//! Why state cannot be used. Never a reason to restart a partition: that would repeat or lose events without a word.

use std::io;
use std::path::{Path, PathBuf};

use redb::DatabaseError;
use thiserror::Error;

use crate::cursor::EnvelopeError;

/// Damaged entries that a message names; of more it gives the number.
const NAMED: usize = 5;

/// Why the state cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process has the file.
    #[error("the state file {} is in use by another headwater; stop that one, or give this one its own `state.path`", .0.display())]
    InUse(PathBuf),
    /// The file is damaged as a whole, or something else.
    #[error(
        "the state file {} is damaged or not a state file ({reason}); restore it from a backup", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Single entries are damaged or missing.
    #[error(
        "the state file {} is damaged in {} place(s): {}; restore it from a backup, or let just the named partitions \
         restart with `headwater state reset --source NAME --partition ID`", path.display(), problems.len(), first(problems)
    )]
    Entries {
        /// The file.
        path: PathBuf,
        /// Each damaged entry, and what is wrong with it.
        problems: Vec<String>,
    },
    /// There was a state file, and it is gone.
    #[error(
        "the state file {} is missing, but there was one: {} says so. Restore it from a backup; to let every source restart \
         at its `start`, delete {}", path.display(), marker.display(), marker.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The file beside it that remembers it.
        marker: PathBuf,
    },
    /// `state.path` is a link that leads nowhere.
    #[error(
        "the state file {} is a link to {}, which does not exist; restore that file, or remove the link", path.display(),
        target.display()
    )]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("the state file {} was written by a newer headwater; use that version, or another `state.path`", .0.display())]
    Newer(PathBuf),
    /// The file was removed, replaced or cut off while it is in use.
    #[error(
        "the state file {} was {what} while it is in use, so no cursor is stored and reading does not go on; put the same \
         file back, or stop headwater, restore the file from a backup, and start again", path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// What has happened to it.
        what: &'static str,
    },
    /// The disk does not answer.
    #[error(
        "the state file {} did not answer within {seconds} s; check its disk or network mount", path.display()
    )]
    Slow {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The system refuses to read or write.
    #[error("cannot use the state file {}: {reason}; check the path, its permissions and the free space", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

impl StateError {
    /// Whether a person has to decide about the file, and waiting does not help.
    pub fn needs_a_person(&self) -> bool {
        !matches!(self, Self::InUse(_) | Self::Slow { .. } | Self::Unusable { .. })
    }

    /// After a panic of the engine, which asserts what a healthy file guarantees.
    pub(super) fn gave_up(path: &Path) -> Self {
        Self::damaged(path, "the engine gave up")
    }

    pub(super) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn unusable(path: &Path, error: &io::Error) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    /// What the engine says when it opens a file.
    pub(super) fn from_open(path: &Path, error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::InUse(path.to_owned())
            }
            other => Self::from_engine(path, other.into()),
        }
    }

    /// What the engine says later.
    pub(super) fn from_engine(path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::damaged(path, error)
            }
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::damaged(path, "it is too short")
            }
            redb::Error::Io(error) => Self::unusable(path, &error),
            redb::Error::PreviousIo => Self::Unusable {
                path: path.to_owned(),
                reason: "an earlier write failed".to_owned(),
            },
            other => Self::damaged(path, other),
        }
    }
}

fn first(problems: &[String]) -> String {
    let mut text = problems[..problems.len().min(NAMED)].join("; ");
    if problems.len() > NAMED {
        text.push_str(&format!("; and {} more", problems.len() - NAMED));
    }
    text
}

/// Why a cursor cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The whole file is unusable.
    #[error(transparent)]
    State(#[from] StateError),
    /// This one cursor is.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}
