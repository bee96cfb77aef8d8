//! What went wrong, in the contract's words. One table per speaker: Resource Manager with Insights, Entra, and the
//! network in between.

pub mod arm;
pub mod entra;
pub mod transport;

use headwater_source::retry;
use serde_json::Value;

use crate::contract::{Error, Fault, Nanos, Timestamp};
use crate::http::Response;
use crate::instant;

/// The longest wait that `Retry-After` can ask for: longer than any throttling lasts.
pub use headwater_source::retry::LONGEST as LONGEST_WAIT;

/// Most bytes of an error body that are looked at. Longer ones are web pages.
const BODY_LIMIT: usize = 64 * 1024;

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

/// How long an answer asks to wait: `Retry-After` in seconds or as a date, within sensible bounds.
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Nanos> {
    retry::after_with(response, now, instant::parse_http_date)
}

/// An error's body; `null` where it is not JSON or a web page.
fn error_body(response: &Response) -> Value {
    if response.body.len() > BODY_LIMIT {
        Value::Null
    } else {
        serde_json::from_slice(without_mark(&response.body)).unwrap_or_default()
    }
}

/// A body without the byte order mark that some gateways put before JSON.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A member by its name, whatever the letter case: Azure's services spell those of errors in more than one way. `null` if
/// there is none.
pub fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    let members = object.as_object();
    let found = members.and_then(|members| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map_or(NULL, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::SECOND;

    #[test]
    fn retry_after_is_read_in_both_forms_and_clamped() {
        let now = instant::parse_rfc3339("1994-11-06T08:49:00Z").unwrap();
        for (value, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("86400", Some(300)),
            ("99999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(1)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = vec![("Retry-After".to_owned(), value.to_owned())];
            let response = Response {
                status: 429,
                headers,
                body: Vec::new(),
            };
            assert_eq!(
                retry_after(&response, now),
                seconds.map(|seconds: u64| seconds * SECOND),
                "{value}"
            );
        }
    }
}
