//! What went wrong, in the contract's words. One table per speaker: Resource Manager with Insights, Entra, and the
//! network in between.

pub mod arm;
pub mod entra;
pub mod transport;

pub use headwater_source::error_body::{error_body, member, without_mark};
pub use headwater_source::retry::{LONGEST as LONGEST_WAIT, after as retry_after};

use crate::contract::{Error, Fault, Nanos};

/// A failed request: what the host is told, and what the reader itself decides by.
#[derive(Debug, Clone)]
pub struct Failure {
    /// For the host. Its session is filled in where the call ends.
    pub error: Error,
    /// For the reader.
    pub kind: Kind,
}

/// The failures that reading answers in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Too many requests, or the service asked to wait: nothing more is sent in this call.
    Throttled,
    /// The token was not accepted.
    Unauthorized,
    /// The application may not read this.
    Forbidden,
    /// What is asked for has no log at all.
    NoLog,
    /// The window begins before the service's memory does.
    TooFarBack,
    /// The service does not like the request itself.
    BadRequest,
    /// The service failed inside; a smaller window may go through.
    ServerError,
    /// A page names a next one that is not followed.
    ForeignLink,
    /// The answer is not the page that it should be.
    OddPage,
    /// Items of a page cannot be made events.
    OddItems,
    /// The answer is too large; a smaller window may go through.
    TooLarge,
    /// The connection ended inside the answer.
    CutOff,
    /// Anything else.
    Other,
}

impl Failure {
    /// A failure that decides nothing but what the host is told.
    pub fn new(fault: Fault, code: &'static str, message: impl Into<String>) -> Failure {
        let message = message.into();
        let error = Error {
            fault,
            code,
            message,
            hint: None,
            retry_after: None,
            session: None,
            measures: Vec::new(),
        };
        Failure {
            error,
            kind: Kind::Other,
        }
    }

    /// With what a person should do.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.error.hint = Some(hint.into());
        self
    }

    /// With the least time until the next call.
    pub fn after(mut self, wait: Option<Nanos>) -> Failure {
        self.error.retry_after = wait;
        self
    }

    /// With what the reader decides by.
    pub fn kind(mut self, kind: Kind) -> Failure {
        self.kind = kind;
        self
    }
}
