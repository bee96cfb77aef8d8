//! Why something did not work, in the words of the contract: what to do, a code for machines, a sentence for people.

use std::fmt;
use std::time::Duration;

use crate::bindings::exports::headwater::source::types as wit;
use crate::redact::Redactor;

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

    /// A plugin's error without the secrets that it should not hold anyway.
    pub(crate) fn from_plugin(error: wit::Error, scrubber: &Redactor) -> Self {
        Self {
            fault: match error.fault {
                wit::Fault::Retry => Fault::Retry,
                wit::Fault::Denied => Fault::Denied,
                wit::Fault::InvalidConfig => Fault::InvalidConfig,
                wit::Fault::InvalidCursor => Fault::InvalidCursor,
                wit::Fault::Broken => Fault::Broken,
            },
            code: checked_code(error.code, scrubber),
            message: scrubber.clean(&error.message),
            hint: error.hint.map(|hint| scrubber.clean(&hint)),
            retry_after: error.retry_after.map(Duration::from_nanos),
        }
    }
}

/// A code for one that is none. Codes are constants that people search for, so they are taken as they are or not at all.
const NO_CODE: &str = "plugin.invalid-code";
/// Longest code.
const LONGEST_CODE: usize = 64;
/// Codes of this length may hold a token; shorter ones happen to share a word with a secret.
const LONG_CODE: usize = 20;

fn checked_code(code: String, redactor: &Redactor) -> String {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let is_code = !code.is_empty() && code.len() <= LONGEST_CODE && code.bytes().all(is_letter);
    if is_code && (code.len() < LONG_CODE || !redactor.is_given_away_by(code.as_bytes())) {
        code
    } else {
        NO_CODE.to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str, redactor: &Redactor) -> Failure {
        let error = wit::Error {
            fault: wit::Fault::Denied,
            code: code.to_owned(),
            message: "the secret is wrong: a-secret-of-mine".to_owned(),
            hint: Some("renew a-secret-of-mine".to_owned()),
            retry_after: None,
            session: None,
        };
        Failure::from_plugin(error, redactor)
    }

    #[test]
    fn a_code_is_never_redacted_and_never_anything_else() {
        let redactor = Redactor::new(["secret".to_owned(), "a-secret-of-mine".to_owned()]);
        let failure = failed("entra.wrong_secret", &redactor);
        assert_eq!(failure.code, "entra.wrong_secret");
        assert_eq!(failure.message, "the [secret] is wrong: [secret]");
        for code in [
            "",
            "Not A Code",
            "x\n",
            "a\u{1b}b",
            &"x".repeat(65),
            "code.is.a-secret-of-mine",
        ] {
            assert_eq!(failed(code, &redactor).code, NO_CODE, "{code:?}");
        }
    }
}
