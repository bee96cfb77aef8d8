//! What an upstream sends is metered where it arrives: per connection, and per source.
//!
//! A connection may send as much as it was asked for: some bytes for the head of each answer, as many as its body has and
//! as many again for the framing, and next to nothing while nobody asks. Endless informational answers, chunk extensions,
//! frames without data and chatter on an idle connection all run into that bound; then the connection is closed, and the
//! source's next requests to that origin wait, longer each time. What a source receives beside bodies is charged to it as
//! well: who receives too much of that waits until it has paid.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep};
use tracing::warn;

use super::connections::Permits;
use super::origin::Origin;

/// While nobody waits for an answer: tickets of TLS, settings and pings of HTTP/2, an orderly end.
const IDLE_BYTES: u64 = 16 << 10;
/// From a request to the head of its answer. Twice the fields that an answer may have, for handshake and framing.
const HEAD_BYTES: u64 = 192 << 10;
/// From the head on, beside the body's bytes: what connections read ahead, trailer fields, framing of short bodies.
const BODY_BYTES: u64 = 640 << 10;
/// Bytes on the wire for each byte of a body that has been read.
const WIRE_PER_BYTE: u64 = 2;
/// A connection that has sent too much is asked again after this time: whoever counts its answers may be late.
const GRACE: Duration = Duration::from_millis(50);
/// Bytes beside bodies that a source may receive in a second, and how many seconds of it can be saved up. Some thousand
/// answers a second have that much.
const OVERHEAD_PER_SECOND: f64 = (2 << 20) as f64;
const OVERHEAD_SAVED: f64 = 8.0 * OVERHEAD_PER_SECOND;
/// How long requests wait after an origin has sent too much: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE_DOUBLINGS: u32 = 6;

/// What a connection died of.
#[derive(Debug, Error)]
#[error("{0} sent far more than the answer that it was asked for")]
pub(super) struct SentTooMuch(pub(super) String);

/// What one source has received, and from whom it was too much.
#[derive(Debug)]
pub(super) struct Account {
    overhead: Mutex<Overhead>,
    pauses: Mutex<HashMap<Origin, Pause>>,
}

#[derive(Debug)]
struct Overhead {
    left: f64,
    since: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    strikes: u32,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            overhead: Mutex::new(Overhead {
                left: OVERHEAD_SAVED,
                since: Instant::now(),
            }),
            pauses: Mutex::default(),
        }
    }
}

impl Account {
    /// Waits until a request to the origin may be sent: at once, unless the origin or the source has to pay.
    pub(super) async fn admit(&self, origin: &Origin) {
        if let Some(pause) = self.pause(origin) {
            warn!(%origin, "the upstream sent far more than it was asked for; requests to it wait for {pause:.0?}");
            tokio::time::sleep(pause).await;
        }
        while let Some(debt) = self.debt() {
            tokio::time::sleep(debt).await;
        }
    }

    fn pause(&self, origin: &Origin) -> Option<Duration> {
        let until = lock(&self.pauses).get(origin)?.until;
        Some(until.saturating_duration_since(Instant::now())).filter(|pause| !pause.is_zero())
    }

    fn debt(&self) -> Option<Duration> {
        let mut overhead = lock(&self.overhead);
        let now = Instant::now();
        let passed = now.saturating_duration_since(overhead.since).as_secs_f64();
        overhead.left = (overhead.left + passed * OVERHEAD_PER_SECOND).min(OVERHEAD_SAVED);
        overhead.since = now;
        (overhead.left < 0.0).then(|| {
            let seconds = -overhead.left / OVERHEAD_PER_SECOND;
            Duration::from_secs_f64(seconds) + GRACE
        })
    }

    fn charge(&self, bytes: f64) {
        lock(&self.overhead).left -= bytes;
    }

    /// Connections that are cut off while requests wait already were opened before, and count once.
    fn punish(&self, origin: &Origin, now: Instant) {
        let mut pauses = lock(&self.pauses);
        let known = pauses.get(origin);
        if known.is_some_and(|pause| now < pause.until) {
            return;
        }
        let strikes = known.map_or(0, |pause| pause.strikes);
        let pause = FIRST_PAUSE * 2_u32.pow(strikes.min(LONGEST_PAUSE_DOUBLINGS));
        let pause = Pause {
            until: now + pause,
            strikes: strikes + 1,
        };
        pauses.insert(origin.clone(), pause);
    }

    fn forgive(&self, origin: &Origin) {
        lock(&self.pauses).remove(origin);
    }
}

/// What one connection may still send.
#[derive(Clone)]
pub(super) struct Meter(Arc<Inner>);

struct Inner {
    origin: Origin,
    account: Arc<Account>,
    allowed: Mutex<Allowed>,
    /// Whoever reads the connection: to be told when it becomes idle.
    reader: Mutex<Option<Waker>>,
}

#[derive(Debug, Clone, Copy)]
struct Allowed {
    bytes: u64,
    exchanges: u32,
    /// Before its first request a connection is not idle, but new.
    is_new: bool,
}

impl Meter {
    pub(super) fn new(origin: Origin, account: Arc<Account>) -> Self {
        // The first bytes are the handshake's, with the certificates.
        let allowed = Allowed {
            bytes: HEAD_BYTES,
            exchanges: 0,
            is_new: true,
        };
        Self(Arc::new(Inner {
            origin,
            account,
            allowed: Mutex::new(allowed),
            reader: Mutex::default(),
        }))
    }

    fn received(&self, bytes: usize) {
        self.0.account.charge(bytes as f64);
        let mut allowed = lock(&self.0.allowed);
        allowed.bytes = allowed.bytes.saturating_sub(bytes as u64);
    }

    fn is_used_up(&self) -> bool {
        lock(&self.0.allowed).bytes == 0
    }

    fn is_idle(&self) -> bool {
        let allowed = lock(&self.0.allowed);
        allowed.exchanges == 0 && !allowed.is_new
    }

    fn allow(&self, bytes: u64) {
        let mut allowed = lock(&self.0.allowed);
        allowed.bytes = allowed.bytes.saturating_add(bytes);
    }

    /// Whether both meter the same connection.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The meter of the connection that a request went to.
    pub(super) fn of(connected: &Connected) -> Option<Self> {
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        extras.remove::<Self>()
    }
}

/// A request on a connection, from when it is sent until its answer has been read or dropped.
pub(super) struct Exchange(Meter);

impl Exchange {
    pub(super) fn begin(meter: Meter) -> Self {
        let mut allowed = lock(&meter.0.allowed);
        allowed.exchanges += 1;
        allowed.is_new = false;
        allowed.bytes = allowed.bytes.saturating_add(HEAD_BYTES);
        drop(allowed);
        Self(meter)
    }

    pub(super) fn is_on(&self, meter: &Meter) -> bool {
        self.0.is(meter)
    }

    /// The head of the answer is here.
    pub(super) fn head(&self) {
        self.0.allow(BODY_BYTES);
    }

    /// So many bytes of the body have been read.
    pub(super) fn data(&self, bytes: usize) {
        self.0.0.account.charge(-(bytes as f64));
        self.0.allow(WIRE_PER_BYTE * bytes as u64);
    }

    /// The answer has been read to its end.
    pub(super) fn done(&self) {
        self.0.0.account.forgive(&self.0.0.origin);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut allowed = lock(&self.0.0.allowed);
        allowed.exchanges -= 1;
        // What the answer did not need is not saved up for chatter.
        let most = IDLE_BYTES + u64::from(allowed.exchanges) * (HEAD_BYTES + BODY_BYTES);
        allowed.bytes = allowed.bytes.min(most);
        let is_idle = allowed.exchanges == 0;
        drop(allowed);
        if is_idle && let Some(reader) = lock(&self.0.0.reader).take() {
            reader.wake();
        }
    }
}

/// A connection whose bytes are counted.
pub(super) struct MeteredStream<S> {
    inner: TokioIo<S>,
    meter: Meter,
    grace: Option<Pin<Box<Sleep>>>,
    /// While it is idle, whether another connection needs its place.
    wanted: Option<Pin<Box<OwnedNotified>>>,
    /// The last field, since fields are dropped in order: the connection is closed before another one may take its place.
    permits: Permits,
}

impl<S> MeteredStream<S> {
    pub(super) fn new(stream: S, meter: Meter, permits: Permits) -> Self {
        Self {
            inner: TokioIo::new(stream),
            meter,
            grace: None,
            wanted: None,
            permits,
        }
    }
}

impl<S> MeteredStream<S> {
    /// Whether it is idle, and its place is another connection's from now on: then this is its end.
    fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        *lock(&self.meter.0.reader) = Some(context.waker().clone());
        if !self.meter.is_idle() {
            // Whoever was told and does not listen any more passes it on.
            self.wanted = None;
            return false;
        }
        let wanted = self.wanted.get_or_insert_with(|| Box::pin(self.permits.wanted()));
        wanted.as_mut().poll(context).is_ready()
    }
}

impl<S: hyper::rt::Read + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.is_used_up() {
            let grace = self
                .grace
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(GRACE)));
            ready!(grace.as_mut().poll(context));
            if self.meter.is_used_up() {
                let Inner { origin, account, .. } = &*self.meter.0;
                account.punish(origin, Instant::now());
                return Poll::Ready(Err(io::Error::other(SentTooMuch(origin.to_string()))));
            }
        }
        self.grace = None;
        if self.is_given_up(context) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.meter.received(buffer.filled().len() - before);
        read
    }
}

impl<S: hyper::rt::Write + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }
}

impl<S: Connection> Connection for MeteredStream<S> {
    fn connected(&self) -> Connected {
        self.inner.inner().connected().extra(self.meter.clone())
    }
}

/// Numbers stay usable after a panic elsewhere: each change is complete in itself.
fn lock<T>(numbers: &Mutex<T>) -> MutexGuard<'_, T> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Meter({})", self.0.origin)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::super::connections::Connections;
    use super::*;

    fn meter() -> Meter {
        Meter::new(Origin::parse("https://upstream.example").unwrap(), Arc::default())
    }

    #[test]
    fn an_idle_connection_may_send_next_to_nothing() {
        let meter = meter();
        let exchange = Exchange::begin(meter.clone());
        exchange.head();
        drop(exchange);
        meter.received(IDLE_BYTES as usize - 1);
        assert!(!meter.is_used_up());
        meter.received(1);
        assert!(meter.is_used_up());
    }

    #[test]
    fn a_body_pays_for_its_framing_and_a_head_does_not() {
        let meter = meter();
        meter.received(HEAD_BYTES as usize);
        let exchange = Exchange::begin(meter.clone());
        meter.received(HEAD_BYTES as usize);
        assert!(meter.is_used_up(), "a head without end");
        exchange.head();
        for _ in 0..1_000 {
            meter.received(20_000);
            exchange.data(10_000);
        }
        assert!(!meter.is_used_up(), "as much framing as data");
        meter.received(BODY_BYTES as usize);
        assert!(meter.is_used_up(), "framing without data");
    }

    #[tokio::test]
    async fn an_idle_connection_ends_when_its_place_is_wanted_and_a_busy_or_new_one_does_not() {
        let [ours, others] = Connections::of_sources(1);
        let (near, _far) = tokio::io::duplex(64);
        let meter = meter();
        let permits = ours.wait().await.unwrap();
        let mut stream = MeteredStream::new(TokioIo::new(near), meter.clone(), permits);
        let waiting = tokio::spawn(async move { others.wait().await.is_ok() });
        let mut buffer = [0; 8];
        let mut read = Box::pin(async move { (stream.read(&mut buffer).await, stream) });
        let moment = Duration::from_millis(200);
        assert!(
            tokio::time::timeout(moment, read.as_mut()).await.is_err(),
            "it is new"
        );
        let exchange = Exchange::begin(meter);
        assert!(
            tokio::time::timeout(moment, read.as_mut()).await.is_err(),
            "it is busy"
        );
        drop(exchange);
        let (ended, stream) = read.await;
        assert_eq!(ended.unwrap(), 0);
        assert!(!waiting.is_finished());
        drop(stream);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn an_origin_that_sends_too_much_makes_its_source_wait_longer_each_time() {
        let (account, origin) = (
            Account::default(),
            Origin::parse("https://upstream.example").unwrap(),
        );
        assert_eq!(account.pause(&origin), None);
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 64] {
            let expected = now + Duration::from_secs(seconds);
            // Eight connections that are cut off together are one offence.
            for _ in 0..8 {
                account.punish(&origin, now);
            }
            now = lock(&account.pauses)[&origin].until;
            assert_eq!(now, expected, "{seconds} s");
        }
        let other = Origin::parse("https://other.example").unwrap();
        assert_eq!(account.pause(&other), None);
        account.punish(&origin, now);
        assert!(account.pause(&origin).is_some());
        account.forgive(&origin);
        assert_eq!(account.pause(&origin), None);
    }

    #[test]
    fn a_source_pays_for_what_it_receives_beside_bodies() {
        let meter = meter();
        let account = meter.0.account.clone();
        let exchange = Exchange::begin(meter.clone());
        for _ in 0..100 {
            meter.received(1 << 20);
            exchange.data(1 << 20);
        }
        assert_eq!(account.debt(), None, "bodies are free");
        meter.received(OVERHEAD_SAVED as usize + 2 * OVERHEAD_PER_SECOND as usize);
        let debt = account.debt().unwrap();
        assert!(
            debt > Duration::from_secs(1) && debt < Duration::from_secs(3),
            "{debt:?}"
        );
    }
}
