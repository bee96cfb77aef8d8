//! The world outside by way of WASI: HTTP, clocks through the standard library, chance through getrandom.
//!
//! HTTP goes beneath waki's client, over its bindings. The client waits for the head and for each piece of the body with
//! `pollable.block`, which has no end: it sets no other limit than that for connecting, and takes no other. A host whose
//! own limits are long (ten minutes are usual) then holds a call for as long as an upstream says nothing. Here every wait
//! is for the answer or for the end of the request's time, whichever comes first; the limits are also told to the host,
//! which can then free the connection.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method as WasiMethod,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use waki::bindings::wasi::io::poll::{Pollable, poll};
use waki::bindings::wasi::io::streams::{InputStream, StreamError};

use crate::contract::{Nanos, Timestamp};
use crate::duration::SECOND;
use crate::http::{Answer, Level, Method, Platform, Request, TransportError};

/// How much is read of a body at once, which a host may hand over in smaller pieces. It stays in the processor's cache on
/// its way.
const PIECE_BYTES: u64 = 256 * 1024;

/// A longer connection attempt is not worth waiting for; hosts may be stricter.
const CONNECT_TIMEOUT: Nanos = 10 * SECOND;

/// One call's view of the outside.
pub struct WasiPlatform {
    began: Instant,
}

impl WasiPlatform {
    /// Starts the clock of a call.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

/// The end of a request's time.
struct Deadline(Pollable);

impl Deadline {
    fn after(timeout: Nanos) -> Self {
        Self(monotonic_clock::subscribe_duration(timeout))
    }

    /// Waits until something is ready.
    fn wait(&self, ready: &Pollable) -> Result<(), TransportError> {
        // What is ready counts, also when the time is over as well.
        match poll(&[ready, &self.0]).contains(&0) {
            true => Ok(()),
            false => Err(TransportError::Timeout),
        }
    }
}

fn refused(what: &str) -> TransportError {
    TransportError::Other(format!("the host refuses the request's {what}"))
}

/// Sends a request and waits for the head of its answer.
fn exchange(request: &Request, deadline: &Deadline) -> Result<IncomingResponse, TransportError> {
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| refused("address"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    if request.method == Method::Post {
        // A server or a proxy need not understand chunks in a request.
        let length = request.body.len().to_string().into_bytes();
        headers.push(("content-length".to_owned(), length));
    }
    let own = request.headers.iter();
    headers.extend(own.map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())));
    let headers = Fields::from_list(&headers).map_err(|_| refused("headers"))?;
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::Get => WasiMethod::Get,
        Method::Post => WasiMethod::Post,
    };
    let scheme = if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing.set_method(&method).map_err(|()| refused("method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| refused("scheme"))?;
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| refused("authority"))?;
    outgoing
        .set_path_with_query(Some(path))
        .map_err(|()| refused("path"))?;
    let body = outgoing.body().map_err(|()| refused("body"))?;

    let options = RequestOptions::new();
    // A host need not know them: the waits below do not rely on them.
    let _ = options.set_connect_timeout(Some(CONNECT_TIMEOUT.min(request.timeout)));
    let _ = options.set_first_byte_timeout(Some(request.timeout));
    let _ = options.set_between_bytes_timeout(Some(request.timeout));
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| transport_error(&code))?;
    let sent = write(body, &request.body, deadline);
    // A server may answer without reading all of the request, and what it says counts.
    let answer = receive(&future, deadline);
    match sent {
        Err(error) if answer.is_err() => Err(error),
        _ => answer,
    }
}

fn write(body: OutgoingBody, mut bytes: &[u8], deadline: &Deadline) -> Result<(), TransportError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| refused("body"))?;
        let ready = stream.subscribe();
        while !bytes.is_empty() {
            deadline.wait(&ready)?;
            let room = stream.check_write().map_err(|_| TransportError::Incomplete)?;
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            stream.write(now).map_err(|_| TransportError::Incomplete)?;
            bytes = later;
        }
        stream.flush().map_err(|_| TransportError::Incomplete)?;
        deadline.wait(&ready)?;
    }
    OutgoingBody::finish(body, None).map_err(|code| transport_error(&code))
}

fn receive(future: &FutureIncomingResponse, deadline: &Deadline) -> Result<IncomingResponse, TransportError> {
    let ready = future.subscribe();
    loop {
        match future.get() {
            Some(Ok(answer)) => return answer.map_err(|code| transport_error(&code)),
            Some(Err(())) => return Err(refused("answer")),
            None => deadline.wait(&ready)?,
        }
    }
}

impl Platform for WasiPlatform {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        let deadline = Deadline::after(request.timeout);
        let answer = exchange(request, &deadline)?;
        let headers = answer.headers().entries();
        let headers = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, String::from_utf8(value).ok()?)));
        let headers = headers.collect();
        let status = answer.status();
        let body = answer.consume().map_err(|()| refused("answer"))?;
        let stream = body.stream().map_err(|()| refused("answer"))?;
        Ok(Answer {
            status,
            headers,
            body: Box::new(Pieces {
                ready: stream.subscribe(),
                stream,
                _body: body,
                deadline,
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

/// The body of an answer. A resource is dropped before the one that it is a part of, so that the order counts.
struct Pieces {
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    deadline: Deadline,
    /// How many bytes more may come.
    left: usize,
}

impl Pieces {
    /// The next piece; none at the end.
    fn read(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        loop {
            // A byte now and then is not an answer in time.
            if self.deadline.0.ready() {
                return Err(TransportError::Timeout);
            }
            let piece = match self.stream.read(PIECE_BYTES) {
                Ok(piece) => piece,
                Err(StreamError::Closed) => return Ok(None),
                // Whatever it was, the body is not whole.
                Err(StreamError::LastOperationFailed(_)) => return Err(TransportError::Incomplete),
            };
            if !piece.is_empty() {
                self.left = self
                    .left
                    .checked_sub(piece.len())
                    .ok_or(TransportError::TooLarge)?;
                return Ok(Some(piece));
            }
            self.deadline.wait(&self.ready)?;
        }
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, TransportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Sorts WASI's typed reasons into the few that the logic tells apart.
fn transport_error(code: &ErrorCode) -> TransportError {
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
