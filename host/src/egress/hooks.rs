//! What the engine asks before a request leaves: one for each call into a plugin.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{debug, warn};
use wasmtime_wasi_http::{Error as WasiError, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{BodyBounds, WatchedBody};
use super::origin::{Grant, Origin};
use super::substitute::BoundSecrets;
use super::transport::{self, Body, ResponseFuture, Transport, TransportError};
use crate::sandbox::BODY_PIECE_BYTES;
use crate::sandbox::plugin_log::PluginLog;

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

/// What one call into a plugin has used of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests the plugin made, refused ones included.
    pub requests: u32,
    /// Requests that were refused before they left.
    pub refused: u32,
    /// Answers by origin and status; 0 stands for "no answer".
    pub answers: BTreeMap<(String, u16), u64>,
    /// Bytes of response bodies.
    pub received: u64,
}

/// Decides on each request of one instance, which has one call, unless it is being examined.
pub(crate) struct EgressHooks {
    grant: Arc<Grant>,
    transport: Arc<dyn Transport>,
    /// Bytes of one response body.
    response: u64,
    secrets: BoundSecrets,
    /// When the present call is interrupted; no exchange outlives it.
    end: Instant,
    poll_bytes: Arc<AtomicU64>,
    traffic: Arc<Mutex<Traffic>>,
    at_once: Arc<Semaphore>,
    credentials: Vec<String>,
    log: PluginLog,
}

impl EgressHooks {
    /// Hooks for one instance, which may read so many bytes of one response body. Nothing is sent before a call has begun.
    pub(crate) fn new(
        grant: Arc<Grant>,
        transport: Arc<dyn Transport>,
        response: u64,
        secrets: BoundSecrets,
    ) -> Self {
        Self {
            grant,
            transport,
            response,
            secrets,
            end: Instant::now(),
            poll_bytes: Arc::new(AtomicU64::new(response.saturating_mul(CALL_RESPONSES))),
            traffic: Arc::default(),
            at_once: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            credentials: Vec::new(),
            log: PluginLog::default(),
        }
    }

    /// Which log says what was refused. It is the plugin's own one, since a name that was asked for may hold a secret.
    pub(crate) fn report_to(&mut self, log: PluginLog) {
        self.log = log;
    }

    /// Begins a call, which is interrupted at this time.
    pub(crate) fn begin(&mut self, end: Instant) {
        self.end = end;
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
    pub(crate) fn traffic(&self) -> Traffic {
        let mut traffic = lock(&self.traffic).clone();
        let granted = self.response.saturating_mul(CALL_RESPONSES);
        traffic.received = granted - self.poll_bytes.load(Ordering::Relaxed);
        traffic
    }

    /// The request's origin, if the request may leave at all.
    fn admit(&self, request: &Request<WasiBody>) -> Result<Origin, TransportError> {
        let mut traffic = lock(&self.traffic);
        traffic.requests += 1;
        let refusal = if traffic.requests > MOST_REQUESTS {
            warn!(limit = MOST_REQUESTS, "refused a request: too many in one call");
            TransportError::TooManyRequests
        } else {
            match Origin::of(request.uri()) {
                None => {
                    warn!("refused a request without a clear origin");
                    TransportError::InvalidUrl
                }
                Some(origin) if self.grant.contains(&origin) => return Ok(origin),
                Some(_) => {
                    let uri = request.uri();
                    let (scheme, authority) = (uri.scheme_str(), uri.authority());
                    // As it was asked for: in lower case a secret would not be found.
                    let asked = scheme
                        .zip(authority)
                        .map(|(scheme, authority)| format!("{scheme}://{authority}"));
                    self.log.not_granted(asked.unwrap_or_default());
                    TransportError::Denied
                }
            }
        };
        traffic.refused += 1;
        Err(refusal)
    }

    fn body_bounds(&self, end: Instant, options: &RequestOptions) -> BodyBounds {
        BodyBounds {
            bytes: self.response,
            poll_bytes: self.poll_bytes.clone(),
            idle: shorter(IDLE_TIMEOUT, options.between_bytes_timeout),
            end,
        }
    }
}

impl WasiHttpHooks for EgressHooks {
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
        _processing: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> WasiResponseFuture {
        let origin = match self.admit(&request) {
            Ok(origin) => origin,
            Err(refusal) => return Box::new(std::future::ready(Err(transport::to_wasi(refusal)))),
        };
        self.learn_credentials(request.headers());
        let options = options.unwrap_or_default();
        let end = self.end.min(Instant::now() + EXCHANGE_TIMEOUT);
        let head_end = end.min(Instant::now() + shorter(FIRST_BYTE_TIMEOUT, options.first_byte_timeout));
        let body_bounds = self.body_bounds(end, &options);
        let secrets = self.secrets.of(&origin);
        let (grant, transport) = (self.grant.clone(), self.transport.clone());
        let at_once = self.at_once.clone();
        let response = async move {
            // Never closed.
            let turn = at_once.acquire_owned().await.ok();
            let request = request.map(|body| body.map_err(transport::of_request_body).boxed_unsync());
            let request = secrets.fill_in(request).await?;
            let response = transport.send(&grant, request).await?;
            Ok(response.map(|body| TurnBody { inner: body, turn }.boxed_unsync()))
        };
        let traffic = self.traffic.clone();
        Box::new(async move {
            let response = receive(Box::pin(response), head_end, body_bounds).await;
            let status = response.as_ref().map_or(0, |response| response.status().as_u16());
            if let Err(error) = &response {
                debug!(%origin, %error, "no response");
            }
            *lock(&traffic)
                .answers
                .entry((origin.to_string(), status))
                .or_default() += 1;
            // Reading the body drives the connection, so there is nothing left to run beside it.
            let rest: Box<dyn Future<Output = Result<(), WasiError>> + Send> =
                Box::new(std::future::ready(Ok(())));
            match response {
                Ok(response) => Ok((
                    response.map(|body| body.map_err(transport::to_wasi).boxed_unsync()),
                    rest,
                )),
                Err(error) => Err(transport::to_wasi(error)),
            }
        })
    }
}

/// What the engine waits for: the response, and what must run beside it.
type WasiResponseFuture = Box<
    dyn Future<
            Output = Result<
                (
                    Response<WasiBody>,
                    Box<dyn Future<Output = Result<(), WasiError>> + Send>,
                ),
                WasiError,
            >,
        > + Send,
>;

/// A body that keeps its request's turn until it is dropped.
struct TurnBody {
    inner: Body,
    turn: Option<OwnedSemaphorePermit>,
}

impl HttpBody for TurnBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
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

/// Waits for a response's head, checks it and puts its body under watch.
async fn receive(
    response: ResponseFuture,
    head_end: Instant,
    bounds: BodyBounds,
) -> Result<Response<WatchedBody>, TransportError> {
    let response = tokio::time::timeout_at(head_end, response)
        .await
        .map_err(|_| TransportError::ResponseTimeout)??;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum::<usize>();
    if headers > LARGEST_HEADERS {
        return Err(TransportError::ResponseHeadersTooLarge { bytes: headers });
    }
    let announced = response.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bounds.bytes) {
        return Err(TransportError::ResponseBodyTooLarge { limit: bounds.bytes });
    }
    Ok(response.map(|body| WatchedBody::new(body, bounds)))
}

/// The host's time-out, or the plugin's own where that is shorter.
fn shorter(host: Duration, plugin: Option<Duration>) -> Duration {
    plugin.map_or(host, |plugin| host.min(plugin))
}

/// The counters stay usable after a panic elsewhere: each change is complete in itself.
fn lock(traffic: &Mutex<Traffic>) -> std::sync::MutexGuard<'_, Traffic> {
    traffic.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for EgressHooks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EgressHooks")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
