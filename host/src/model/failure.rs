//! Why something did not work, in the words of the contract: what to do, a code for machines, a sentence for people.

use std::fmt;
use std::time::Duration;

/// What the host does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Calls again after a while.
    Retry,
    /// Asks again rarely: a person must act at the upstream.
    Denied,
    /// Asks again more and more rarely: a person must change the configuration.
    InvalidConfig,
    /// Asks again more and more rarely: a person must decide about the cursor.
    InvalidCursor,
    /// Calls again after a while, and reports a defect.
    Broken,
    /// Calls again after a while, and reports that a person must act: the sink's receiver refuses the events. Not a word of
    /// the contract.
    Refused,
    /// Ends the source: its events have nowhere to go any more. Not a word of the contract.
    Gone,
}

impl Fault {
    /// The fault in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Denied => "denied",
            Self::InvalidConfig => "invalid-config",
            Self::InvalidCursor => "invalid-cursor",
            Self::Broken => "broken",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }
}

/// A failure, safe to print anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to do about it.
    pub fault: Fault,
    /// A stable, dotted word: the plugin's own, or `host.…`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What a person should do.
    pub hint: Option<String>,
    /// No further call before this much time has passed.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that the host found itself; `code` completes `host.`.
    pub fn host(fault: Fault, code: &str, message: impl fmt::Display) -> Self {
        Self {
            fault,
            code: format!("host.{code}"),
            message: message.to_string(),
            hint: None,
            retry_after: None,
        }
    }

    /// The same failure with something to do for a person.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} [{}]", self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
