//! The seam between the logic and the world: requests, the clock, chance and log lines. The component layer implements
//! [`Platform`] on WASI; tests implement it natively.

use std::fmt;

use thiserror::Error;

use crate::contract::{Nanos, Timestamp};

/// The two methods that reading needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Ask for a token.
    Post,
}

/// One request, complete: nothing is added, followed or decoded on its way.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How to ask.
    pub method: Method,
    /// An absolute `http` or `https` URL that must leave byte for byte.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for a GET.
    pub body: Vec<u8>,
    /// Most bytes of the answer's body; more is [`TransportError::TooLarge`].
    pub response_limit: usize,
    /// Most time for the whole exchange, from connecting to the last byte of the body.
    pub timeout: Nanos,
}

/// Shows neither headers nor body nor query, since each may hold a credential.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        write!(
            formatter,
            "{:?} {address} ({} bytes)",
            self.method,
            self.body.len()
        )
    }
}

/// The pieces of a body in order. An error is the end of it: the body is not whole.
pub type Body = Box<dyn Iterator<Item = Result<Vec<u8>, TransportError>>>;

/// An answer of any status, whose body is still to come.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in any letter case; values that are no UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl Answer {
    /// Waits for all of it.
    ///
    /// # Errors
    ///
    /// The connection broke off, or took too long.
    pub fn whole(self) -> Result<Response, TransportError> {
        let mut body = Vec::new();
        for piece in self.body {
            body.extend_from_slice(&piece?);
        }
        Ok(Response {
            status: self.status,
            headers: self.headers,
            body,
        })
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Answer {
            status: response.status,
            headers: response.headers,
            body: Box::new(std::iter::once(Ok(response.body))),
        }
    }
}

/// Shows no header and no body, as [`Response`].
impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (its body is to come)", self.status)
    }
}

/// An answer of any status, as a whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in any letter case; values that are no UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, whatever its letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Shows no header and no body, since a token endpoint's answer holds a credential.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why no complete answer came.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The host does not let the source go there.
    #[error("the host refused the connection: {0}")]
    Denied(String),
    /// The name could not be resolved.
    #[error("the name could not be resolved")]
    Dns,
    /// Nobody answered at the address, or the connection was reset.
    #[error("the connection failed")]
    Connect,
    /// No trusted encrypted connection.
    #[error("the encrypted connection could not be set up")]
    Tls,
    /// Too slow to connect, to answer or to finish.
    #[error("no complete answer in time")]
    Timeout,
    /// The body is longer than the request's `response_limit`.
    #[error("the answer is larger than the limit")]
    TooLarge,
    /// The connection ended inside the answer.
    #[error("the answer ended early")]
    Incomplete,
    /// Anything else, in the words of the layer below.
    #[error("{0}")]
    Other(String),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something needs a person.
    Error,
    /// Something deserves a look.
    Warn,
    /// Something happened.
    Info,
    /// Something for whoever looks for a fault.
    Debug,
}

impl Level {
    /// The word that starts a log line, see the contract.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Everything that the logic needs from outside during one call.
pub trait Platform {
    /// Sends a request and waits for the head of the answer. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// Why no answer came.
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError>;

    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since the call began, by a clock that never goes back.
    fn elapsed(&self) -> Nanos;

    /// Sixty-four random bits.
    fn random(&mut self) -> u64;

    /// Writes one line for operators, never holding a secret.
    fn log(&mut self, level: Level, text: &str);
}
