//! The gate in front of the network: one per call into a plugin.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{debug, warn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{BodyBounds, WatchedBody};
use super::origin::{Grant, Origin};
use super::sender::{Answer, Transport};
use super::substitute::BoundSecrets;
use crate::sandbox::BODY_PIECE_BYTES;

/// A whole exchange, from the request to the last byte of the answer.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// From the request to the answer's head. Slow report queries take seconds, not half a minute.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence inside an answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests of one call. Ten times the pages that a batch of 5,000 small records could need.
const MOST_REQUESTS: u32 = 1_000;
/// Requests of one call that go on at the same time, each until its answer has been read; others wait for their turn. The
/// Azure source has one, a browser six for each origin.
const REQUESTS_AT_ONCE: usize = 16;
/// All answers of one call together may be this many times the largest answer.
const CALL_RESPONSES: u64 = 16;
/// All header fields of an answer. Proxies usually stop at 8 KiB to 16 KiB.
const LARGEST_HEADERS: usize = 64 << 10;

/// Parts of the names of header fields that log in.
const LOGIN_FIELDS: [&str; 5] = ["authorization", "cookie", "token", "secret", "api-key"];
/// Different values of such fields in one call, and bytes of each; a plugin has a token or two.
const MOST_CREDENTIALS: usize = 16;
const LONGEST_CREDENTIAL: usize = 8 << 10;

/// What one call into a plugin may use of the network.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one response body.
    pub response: u64,
    /// When the call is interrupted; no exchange outlives it.
    pub end: Instant,
}

/// What one call into a plugin has used of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests the plugin made, refused ones included.
    pub requests: u32,
    /// Requests refused by the gate.
    pub refused: u32,
    /// Answers by origin and status; 0 stands for "no answer".
    pub answers: BTreeMap<(String, u16), u64>,
    /// Bytes of response bodies.
    pub received: u64,
}

/// Decides on each request of one call. Handed to the WASI implementation as its hooks.
pub struct Gate {
    grant: Arc<Grant>,
    transport: Arc<dyn Transport>,
    bounds: Bounds,
    secrets: BoundSecrets,
    poll_bytes: Arc<AtomicU64>,
    traffic: Arc<Mutex<Traffic>>,
    at_once: Arc<Semaphore>,
    credentials: Vec<String>,
}

impl Gate {
    /// A gate for one call.
    pub fn new(
        grant: Arc<Grant>,
        transport: Arc<dyn Transport>,
        bounds: Bounds,
        secrets: BoundSecrets,
    ) -> Self {
        let poll_bytes = Arc::new(AtomicU64::new(bounds.response.saturating_mul(CALL_RESPONSES)));
        Self {
            grant,
            transport,
            bounds,
            secrets,
            poll_bytes,
            traffic: Arc::default(),
            at_once: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            credentials: Vec::new(),
        }
    }

    /// What requests so far have logged in with, each value once.
    pub(crate) fn credentials(&self) -> Vec<String> {
        self.credentials.clone()
    }

    /// Remembers what a request logs in with: it must not show up in what the call returns.
    fn learn_credentials(&mut self, headers: &HeaderMap) {
        let fields = headers.iter().filter(|(name, _)| {
            let name = name.as_str();
            LOGIN_FIELDS.iter().any(|part| name.contains(part))
        });
        for (_, value) in fields {
            let value = String::from_utf8_lossy(value.as_bytes());
            let known = self.credentials.iter().any(|known| *known == value);
            if !known && self.credentials.len() < MOST_CREDENTIALS && value.len() <= LONGEST_CREDENTIAL {
                self.credentials.push(value.into_owned());
            }
        }
    }

    /// What has been used so far.
    pub fn traffic(&self) -> Traffic {
        let mut traffic = lock(&self.traffic).clone();
        let granted = self.bounds.response.saturating_mul(CALL_RESPONSES);
        traffic.received = granted - self.poll_bytes.load(Ordering::Relaxed);
        traffic
    }

    /// The request's origin, if the request may leave at all.
    fn admit(&self, request: &Request<WasiBody>) -> Result<Origin, Error> {
        let mut traffic = lock(&self.traffic);
        traffic.requests += 1;
        let refusal = if traffic.requests > MOST_REQUESTS {
            warn!(limit = MOST_REQUESTS, "refused a request: too many in one call");
            Error::ConnectionLimitReached
        } else {
            match Origin::of(request.uri()) {
                None => {
                    warn!("refused a request without a clear origin");
                    Error::HttpRequestUriInvalid
                }
                Some(origin) if self.grant.contains(&origin) => return Ok(origin),
                Some(origin) => {
                    warn!(%origin, "refused a request to an origin that is not granted; add it to `allow` to permit it");
                    Error::HttpRequestDenied
                }
            }
        };
        traffic.refused += 1;
        Err(refusal)
    }

    fn body_bounds(&self, end: Instant, options: &RequestOptions) -> BodyBounds {
        BodyBounds {
            bytes: self.bounds.response,
            poll_bytes: self.poll_bytes.clone(),
            idle: shorter(IDLE_TIMEOUT, options.between_bytes_timeout),
            end,
        }
    }
}

impl WasiHttpHooks for Gate {
    /// The sender writes the field itself, from the address that the request really goes to.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_PIECE_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processing: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sent {
        let origin = match self.admit(&request) {
            Ok(origin) => origin,
            Err(refusal) => return Box::new(std::future::ready(Err(refusal))),
        };
        self.learn_credentials(request.headers());
        let options = options.unwrap_or_default();
        let end = self.bounds.end.min(Instant::now() + EXCHANGE_TIMEOUT);
        let head_end = end.min(Instant::now() + shorter(FIRST_BYTE_TIMEOUT, options.first_byte_timeout));
        let body_bounds = self.body_bounds(end, &options);
        let secrets = self.secrets.of(&origin);
        let (grant, transport) = (self.grant.clone(), self.transport.clone());
        let at_once = self.at_once.clone();
        let answer = async move {
            // Never closed.
            let turn = at_once.acquire_owned().await.ok();
            let request = secrets.fill_in(request).await?;
            let answer = transport.send(&grant, request).await?;
            Ok(answer.map(|body| TurnBody { inner: body, turn }.boxed_unsync()))
        };
        let traffic = self.traffic.clone();
        Box::new(async move {
            let answer = receive(Box::pin(answer), head_end, body_bounds).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            if let Err(error) = &answer {
                debug!(%origin, %error, "no answer");
            }
            *lock(&traffic)
                .answers
                .entry((origin.to_string(), status))
                .or_default() += 1;
            // Reading the body drives the connection, so there is nothing left to run beside it.
            let rest: Box<dyn Future<Output = Result<(), Error>> + Send> =
                Box::new(std::future::ready(Ok(())));
            answer.map(|answer| (answer, rest))
        })
    }
}

/// What the WASI implementation waits for: the answer, and what must run beside it.
type Sent = Box<
    dyn Future<
            Output = Result<
                (
                    Response<WasiBody>,
                    Box<dyn Future<Output = Result<(), Error>> + Send>,
                ),
                Error,
            >,
        > + Send,
>;

/// A body that keeps its request's turn until it is dropped.
struct TurnBody {
    inner: WasiBody,
    turn: Option<OwnedSemaphorePermit>,
}

impl Body for TurnBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.turn = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Waits for an answer's head, checks it and puts its body under watch.
async fn receive(answer: Answer, head_end: Instant, bounds: BodyBounds) -> Result<Response<WasiBody>, Error> {
    let answer = tokio::time::timeout_at(head_end, answer)
        .await
        .map_err(|_| Error::HttpResponseTimeout)??;
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum::<usize>();
    if headers > LARGEST_HEADERS {
        return Err(Error::HttpResponseHeaderSectionSize(u32::try_from(headers).ok()));
    }
    let announced = answer.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bounds.bytes) {
        return Err(Error::HttpResponseBodySize(Some(bounds.bytes)));
    }
    Ok(answer.map(|body| WatchedBody::new(body, bounds).boxed_unsync()))
}

/// The host's time-out, or the plugin's own where that is shorter.
fn shorter(host: Duration, plugin: Option<Duration>) -> Duration {
    plugin.map_or(host, |plugin| host.min(plugin))
}

/// The counters stay usable after a panic elsewhere: each change is complete in itself.
fn lock(traffic: &Mutex<Traffic>) -> std::sync::MutexGuard<'_, Traffic> {
    traffic.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gate")
            .field("grant", &self.grant)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
