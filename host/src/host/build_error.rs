//! Why a source cannot be made.

use thiserror::Error;

use crate::model::Issue;

/// Why a source cannot be made: every issue at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("; "))]
pub struct BuildError {
    issues: Vec<Issue>,
    is_missing: bool,
}

impl BuildError {
    /// Issues with what the source is.
    pub(crate) fn new(issues: Vec<Issue>) -> Self {
        Self {
            issues,
            is_missing: false,
        }
    }

    /// Issues with something that the source names and that is not there.
    pub(crate) fn missing(issues: Vec<Issue>) -> Self {
        Self {
            issues,
            is_missing: true,
        }
    }

    /// What is wrong: at least one issue.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Whether everything that is wrong is that something is not there: a secret, a certificate file. The same source may be made
    /// when it is; trying costs next to nothing.
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }
}
