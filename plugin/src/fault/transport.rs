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
            "if this continues, check the proxy and the firewall of the host",
        ),
        TransportError::TooLarge => (
            "azure.response_too_large",
            "shorten `window`; if the source has a `limits.response` below 16 MiB, raise it",
        ),
        TransportError::Incomplete => (
            "network.incomplete",
            "if this continues, check the proxy of the host, and the source's `limits.response`",
        ),
        TransportError::Other(_) => (
            "network.failed",
            "if this continues, check the proxy and the firewall of the host",
        ),
    };
    let kind = match error {
        TransportError::TooLarge => Kind::TooLarge,
        TransportError::Incomplete => Kind::CutOff,
        _ => Kind::Other,
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
