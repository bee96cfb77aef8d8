//! When no complete answer came.

use super::{Failure, Kind};
use crate::contract::Fault;
use crate::http::TransportError;

/// The failure for a request to `origin`.
pub fn failure(error: &TransportError, origin: &str) -> Failure {
    let (code, hint) = match error {
        TransportError::Denied(_) => (
            "network.denied",
            "allow this address in the host's configuration (`allow`); private addresses need their own permission",
        ),
        TransportError::Dns => (
            "network.dns",
            "check the name server, the proxy and the firewall of the host",
        ),
        TransportError::Connect => ("network.connect", "check the proxy and the firewall of the host"),
        TransportError::Tls => (
            "network.tls",
            "if a proxy inspects encrypted traffic, add its certificate authority to the host",
        ),
        TransportError::Timeout => (
            "network.timeout",
            "if it stays, check the proxy and the firewall of the host",
        ),
        TransportError::TooLarge => (
            "azure.response_too_large",
            "raise the source's `limits.response`, or shorten `window`",
        ),
        TransportError::Incomplete => ("network.incomplete", "if it stays, check the proxy of the host"),
        TransportError::Other(_) => (
            "network.failed",
            "if it stays, check the proxy and the firewall of the host",
        ),
    };
    let kind = if *error == TransportError::TooLarge {
        Kind::TooLarge
    } else {
        Kind::Other
    };
    // A refusal by the host's policy does not pass by itself.
    let fault = if matches!(error, TransportError::Denied(_)) {
        Fault::Denied
    } else {
        Fault::Retry
    };
    Failure::new(fault, code, format!("request to {origin} failed: {error}"))
        .hint(hint)
        .kind(kind)
}
