//! The world outside by way of WASI: HTTP through waki, clocks through the standard library, chance through getrandom.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waki::{Client, ErrorCode};

use crate::contract::{Nanos, Timestamp};
use crate::http::{Level, Method, Request, Response, TransportError, World};

/// How much is read of a body at once. It is copied on its way through the host and once more here, which costs little
/// while it stays in the processor's cache: less than to copy a page as a whole once.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A page of 200 records, which is how many Azure sends, with room to spare.
const USUAL_BODY: usize = 1024 * 1024;

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
    fn send(&mut self, request: &Request) -> Result<Response, TransportError> {
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
        // Room for all of it at once where the length is announced, else for a usual page: growing costs copies, and
        // for a moment three times the memory.
        let announced = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok());
        let room = announced.unwrap_or(USUAL_BODY).min(request.response_limit);
        let mut body = Vec::with_capacity(room);
        loop {
            // waki keeps no type for an error inside a body; whatever it was, the body is not whole.
            match answer
                .chunk(CHUNK_BYTES)
                .map_err(|_| TransportError::Incomplete)?
            {
                None => break,
                Some(chunk) if body.len() + chunk.len() > request.response_limit => {
                    return Err(TransportError::TooLarge);
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
            if began.elapsed() > timeout {
                return Err(TransportError::Timeout);
            }
        }
        Ok(Response {
            status: answer.status_code(),
            headers,
            body,
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
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionLimitReached => TransportError::Connect,
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
