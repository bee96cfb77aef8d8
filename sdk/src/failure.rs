//! Why a call fails.

use crate::contract::{Fault, Nanos};
use crate::http::{Response, TransportError};
use crate::retry;

/// Why a call fails: one of the contract's faults, a code for machines, and a sentence for people that holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the host must do.
    pub fault: Fault,
    /// A stable, dotted, lower-case word.
    pub code: &'static str,
    /// One sentence, safe to print.
    pub message: String,
    /// What a person should do.
    pub hint: Option<String>,
    /// No further call before this much time has passed.
    pub retry_after: Option<Nanos>,
}

impl Failure {
    /// A failure with this fault.
    pub fn new(fault: Fault, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            fault,
            code,
            message: message.into(),
            hint: None,
            retry_after: None,
        }
    }

    /// One that may pass.
    pub fn retry(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Fault::Retry, code, message)
    }

    /// One that a person must end at the upstream.
    pub fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Fault::Denied, code, message)
    }

    /// The same with what a person should do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the least time until the next call.
    #[must_use]
    pub fn after(mut self, wait: Option<Nanos>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Whether a smaller request may go through: the upstream failed inside, or its answer was too large, cut off or not what it
    /// should be, and it named no time to wait.
    pub(crate) fn may_be_size(&self) -> bool {
        const OF_SIZE: [&str; 4] = [
            "upstream.cut_off",
            "upstream.odd_answer",
            "upstream.too_large",
            "upstream.unavailable",
        ];
        self.retry_after.is_none() && OF_SIZE.contains(&self.code)
    }

    /// What an answer means that is not a success: a refusal is never an empty page.
    pub fn from_answer(answer: &Response, now: Nanos) -> Self {
        let status = answer.status;
        let message = format!("the upstream answered with status {status}");
        let wait = retry::after(answer, now);
        match status {
            401 => Self::denied("upstream.unauthorized", message).hint("check the credentials"),
            403 => Self::denied("upstream.forbidden", message)
                .hint("the login works, but may not read this: check what it is allowed to"),
            404 | 410 => Self::denied("upstream.not_found", message).hint("check the address"),
            300..=399 => Self::denied("upstream.moved", message)
                .hint("redirects are not followed: give the address that it leads to"),
            429 => Self::retry("upstream.throttled", message).after(wait),
            408 | 425 | 500.. => Self::retry("upstream.unavailable", message).after(wait),
            _ => Self::new(Fault::Broken, "upstream.refused", message),
        }
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        let message = error.to_string();
        match error {
            TransportError::Denied(_) => {
                Self::denied("upstream.not_granted", message).hint("add the origin to `allow`")
            }
            TransportError::Timeout => Self::retry("upstream.timeout", message),
            TransportError::TooLarge => Self::retry("upstream.too_large", message),
            TransportError::Incomplete => Self::retry("upstream.cut_off", message),
            _ => Self::retry("upstream.unreachable", message),
        }
    }
}

impl Response {
    /// The body as JSON of this shape.
    ///
    /// # Errors
    ///
    /// It is something else: a page for people, or an answer of another kind. That is no empty list.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = format!(
                "the answer cannot be read as what it should be, at line {}",
                error.line()
            );
            Failure::retry("upstream.odd_answer", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_status_but_success_is_taken_for_a_page() {
        let answer = |status| Response {
            status,
            headers: vec![("Retry-After".to_owned(), "7".to_owned())],
            body: b"[]".to_vec(),
        };
        for (status, fault, waits) in [
            (301, Fault::Denied, false),
            (400, Fault::Broken, false),
            (401, Fault::Denied, false),
            (403, Fault::Denied, false),
            (404, Fault::Denied, false),
            (429, Fault::Retry, true),
            (500, Fault::Retry, true),
            (503, Fault::Retry, true),
        ] {
            let failure = Failure::from_answer(&answer(status), 0);
            assert_eq!(failure.fault, fault, "{status}");
            assert_eq!(failure.retry_after.is_some(), waits, "{status}");
        }
    }
}
