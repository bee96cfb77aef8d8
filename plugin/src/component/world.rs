//! The world outside by way of WASI: HTTP through waki, clocks through the standard library, chance through getrandom.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waki::{Client, ErrorCode};

use crate::contract::{Nanos, Timestamp};
use crate::http::{Answer, Level, Method, Request, TransportError, World};

/// How much is read of a body at once, which a host may hand over in smaller pieces. It stays in the processor's cache on
/// its way.
const PIECE_BYTES: u64 = 256 * 1024;

/// A longer connection attempt is not worth waiting for; hosts may be stricter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One call's view of the outside.
pub struct WasiWorld {
    began: Instant,
}

impl WasiWorld {
    /// Starts the clock of a call.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

impl World for WasiWorld {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        let began = Instant::now();
        let timeout = Duration::from_nanos(request.timeout);
        let client = Client::new();
        let mut builder = match request.method {
            Method::Get => client.get(&request.url),
            // With its length: a server or a proxy need not understand chunks in a request.
            Method::Post => client
                .post(&request.url)
                .header("content-length", request.body.len().to_string())
                .body(request.body.as_slice()),
        }
        .connect_timeout(CONNECT_TIMEOUT.min(timeout));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.as_str());
        }
        let answer = builder.send().map_err(|error| transport_error(&error))?;

        let headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        Ok(Answer {
            status: answer.status_code(),
            headers,
            body: Box::new(Pieces {
                answer,
                began,
                timeout,
                left: request.response_limit,
            }),
        })
    }

    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
    }

    fn elapsed(&self) -> Nanos {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn random(&mut self) -> u64 {
        // A host without randomness still gets jitter from the clock; nothing else depends on it being unpredictable.
        getrandom::u64().unwrap_or_else(|_| self.now())
    }

    fn log(&mut self, level: Level, text: &str) {
        eprintln!("{} {text}", level.word());
    }
}

/// The body of an answer.
struct Pieces {
    answer: waki::Response,
    /// When the request was sent.
    began: Instant,
    timeout: Duration,
    /// How many bytes more may come.
    left: usize,
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, TransportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Ok(piece) = self.answer.chunk(PIECE_BYTES) else {
            // waki keeps no type for an error inside a body; whatever it was, the body is not whole.
            return Some(Err(TransportError::Incomplete));
        };
        let piece = piece?;
        let Some(left) = self.left.checked_sub(piece.len()) else {
            return Some(Err(TransportError::TooLarge));
        };
        self.left = left;
        if self.began.elapsed() > self.timeout {
            return Some(Err(TransportError::Timeout));
        }
        Some(Ok(piece))
    }
}

/// Sorts WASI's typed reasons into the few that the logic tells apart.
fn transport_error(error: &anyhow::Error) -> TransportError {
    let Some(code) = error.downcast_ref::<ErrorCode>() else {
        return TransportError::Other(error.to_string());
    };
    match code {
        ErrorCode::HttpRequestDenied => TransportError::Denied("the origin is not granted".to_owned()),
        ErrorCode::DestinationIpProhibited => {
            TransportError::Denied("the name leads to an address that is not allowed".to_owned())
        }
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            TransportError::Dns
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused => TransportError::Connect,
        ErrorCode::ConnectionLimitReached => {
            TransportError::Other("the host allows no more requests in one call".to_owned())
        }
        ErrorCode::ConnectionTerminated
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpProtocolError => TransportError::Incomplete,
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            TransportError::Tls
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::Timeout,
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => TransportError::TooLarge,
        other => TransportError::Other(format!("{other:?}")),
    }
}
