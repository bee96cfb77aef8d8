//! What sends the requests of sources: the network, or what stands in for it. None of its types belong to the engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use thiserror::Error;
use wasmtime_wasi_http::Error as WasiError;

use super::origin::Grant;

/// The body of a request or of a response.
pub type Body = UnsyncBoxBody<Bytes, TransportError>;

/// A response to come.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send>>;

/// Sends requests that have been admitted. [`HttpClient`](super::HttpClient) is the network; tests, benchmarks and
/// examinations answer in its place.
pub trait Transport: Send + Sync {
    /// Sends one request under a grant; the URL leaves byte for byte.
    fn send(&self, grant: &Arc<Grant>, request: Request<Body>) -> ResponseFuture;
}

/// No network, for calls that need none: every connection is refused.
#[derive(Debug, Clone, Copy)]
pub struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: &Arc<Grant>, _: Request<Body>) -> ResponseFuture {
        Box::pin(std::future::ready(Err(TransportError::ConnectionRefused)))
    }
}

/// Why there is no response, or no more of one. The source is told in the words of `wasi:http`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The request's origin is not granted, or the request holds what no request can carry.
    #[error("the request is not permitted")]
    Denied,
    /// The request's URL has no clear origin.
    #[error("the URL of the request has no clear origin")]
    InvalidUrl,
    /// The call has sent too many requests.
    #[error("the call has sent too many requests")]
    TooManyRequests,
    /// The header fields of the request are too large.
    #[error("the header fields of the request have more than {limit} bytes")]
    RequestHeadersTooLarge {
        /// The most bytes that are sent.
        limit: u32,
    },
    /// The body of the request is too large.
    #[error("the body of the request has more than {limit} bytes")]
    RequestBodyTooLarge {
        /// The most bytes that are sent.
        limit: u64,
    },
    /// The host's name does not exist.
    #[error("the name of the upstream does not exist")]
    NameNotFound,
    /// The host's name could not be looked up in time.
    #[error("looking up the name of the upstream took too long")]
    NameTimeout,
    /// The host has an address that the grant does not cover.
    #[error("the address of the upstream is not permitted")]
    AddressProhibited,
    /// There is no way to the host's address.
    #[error("the address of the upstream is unreachable")]
    AddressUnroutable,
    /// The proxy does not connect.
    #[error("the proxy does not connect to the upstream")]
    ProxyFailed,
    /// Nobody listens there.
    #[error("the upstream refused the connection")]
    ConnectionRefused,
    /// The connection could not be made in time.
    #[error("connecting to the upstream took too long")]
    ConnectionTimeout,
    /// The connection broke off.
    #[error("the connection to the upstream was lost")]
    ConnectionTerminated,
    /// The upstream's certificate is not trusted.
    #[error("the certificate of the upstream is not valid")]
    InvalidCertificate,
    /// The upstream ended the TLS handshake.
    #[error("the upstream refused TLS: {name}")]
    TlsAlert {
        /// The number of the alert.
        number: u8,
        /// Its name.
        name: String,
    },
    /// TLS failed otherwise.
    #[error("TLS failed")]
    TlsFailed,
    /// The response did not come, or did not end, in time.
    #[error("the response took too long")]
    ResponseTimeout,
    /// The upstream fell silent within a response.
    #[error("the upstream stopped sending within a response")]
    ReadTimeout,
    /// The header fields of the response are too large.
    #[error("the header fields of the response have {bytes} bytes, which is too many")]
    ResponseHeadersTooLarge {
        /// How many there were.
        bytes: usize,
    },
    /// The body of the response is too large.
    #[error("the body of the response has more than {limit} bytes")]
    ResponseBodyTooLarge {
        /// The most bytes that were accepted.
        limit: u64,
    },
    /// The response broke off.
    #[error("the response is incomplete")]
    ResponseIncomplete,
    /// One of the two sides did not keep to HTTP.
    #[error("the exchange did not follow HTTP")]
    Protocol,
}

/// The error as the engine passes it on to a source.
pub(super) fn to_wasi(error: TransportError) -> WasiError {
    match error {
        TransportError::Denied => WasiError::HttpRequestDenied,
        TransportError::InvalidUrl => WasiError::HttpRequestUriInvalid,
        TransportError::TooManyRequests => WasiError::ConnectionLimitReached,
        TransportError::RequestHeadersTooLarge { limit } => {
            WasiError::HttpRequestHeaderSectionSize(Some(limit))
        }
        TransportError::RequestBodyTooLarge { limit } => WasiError::HttpRequestBodySize(Some(limit)),
        TransportError::NameNotFound => WasiError::DestinationNotFound,
        TransportError::NameTimeout => WasiError::DnsTimeout,
        TransportError::AddressProhibited => WasiError::DestinationIpProhibited,
        TransportError::AddressUnroutable => WasiError::DestinationIpUnroutable,
        TransportError::ProxyFailed => WasiError::DestinationUnavailable,
        TransportError::ConnectionRefused => WasiError::ConnectionRefused,
        TransportError::ConnectionTimeout => WasiError::ConnectionTimeout,
        TransportError::ConnectionTerminated => WasiError::ConnectionTerminated,
        TransportError::InvalidCertificate => WasiError::TlsCertificateError,
        TransportError::TlsAlert { number, name } => WasiError::TlsAlertReceived {
            alert_id: Some(number),
            alert_message: Some(name),
        },
        TransportError::TlsFailed => WasiError::TlsProtocolError,
        TransportError::ResponseTimeout => WasiError::HttpResponseTimeout,
        TransportError::ReadTimeout => WasiError::ConnectionReadTimeout,
        TransportError::ResponseHeadersTooLarge { bytes } => {
            WasiError::HttpResponseHeaderSectionSize(u32::try_from(bytes).ok())
        }
        TransportError::ResponseBodyTooLarge { limit } => WasiError::HttpResponseBodySize(Some(limit)),
        TransportError::ResponseIncomplete => WasiError::HttpResponseIncomplete,
        TransportError::Protocol => WasiError::HttpProtocolError,
    }
}

/// An error of the body that a source writes. The engine has one: the source gave the request up before its body was
/// complete.
pub(super) fn of_request_body(_: WasiError) -> TransportError {
    TransportError::Protocol
}
