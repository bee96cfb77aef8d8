//! What an upstream may send on one connection.
//!
//! As much as it was asked for: some bytes for the head of each answer, as many as its body has and as many again for the
//! framing, and next to nothing while nobody asks. Endless informational answers, chunk extensions, frames without data and
//! chatter on an idle connection all run into that bound; then the connection is closed (`metered_stream`), and what it sent is
//! on the source's [`Account`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use hyper_util::client::legacy::connect::Connected;
use thiserror::Error;
use tokio::time::Instant;

use super::account::{Account, lock};
use super::origin::Origin;

/// While nobody waits for an answer: tickets of TLS, settings and pings of HTTP/2, an orderly end.
const IDLE_BYTES: u64 = 16 << 10;
/// From a request to the head of its answer. Twice the fields that an answer may have, for handshake and framing.
const HEAD_BYTES: u64 = 192 << 10;
/// The same for each further request that waits on the same connection. Together they have what the first may need, too.
const HEAD_BYTES_MORE: u64 = 32 << 10;
/// From the head on, beside the body's bytes: what connections read ahead, trailer fields, framing of short bodies.
const BODY_BYTES: u64 = 640 << 10;
/// Bytes on the wire for each byte of a body that has been read.
const WIRE_PER_BYTE: u64 = 2;

/// What a connection died of.
#[derive(Debug, Error)]
#[error("{0} sent far more than the answer that it was asked for")]
pub(super) struct SentTooMuch(pub(super) String);

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

    pub(super) fn received(&self, bytes: usize) {
        self.0.account.charge(bytes as f64);
        let mut allowed = lock(&self.0.allowed);
        allowed.bytes = allowed.bytes.saturating_sub(bytes as u64);
    }

    pub(super) fn is_used_up(&self) -> bool {
        lock(&self.0.allowed).bytes == 0
    }

    pub(super) fn is_idle(&self) -> bool {
        let allowed = lock(&self.0.allowed);
        allowed.exchanges == 0 && !allowed.is_new
    }

    fn allow(&self, bytes: u64) {
        let mut allowed = lock(&self.0.allowed);
        allowed.bytes = allowed.bytes.saturating_add(bytes);
    }

    /// Whoever reads the connection is woken when it becomes idle.
    pub(super) fn wakes(&self, reader: &Waker) {
        *lock(&self.0.reader) = Some(reader.clone());
    }

    /// The connection has sent too much and ends: the next requests to its origin wait.
    pub(super) fn punish(&self) -> SentTooMuch {
        self.0.account.punish(&self.0.origin, Instant::now());
        SentTooMuch(self.0.origin.to_string())
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
        let more = if allowed.exchanges == 0 {
            HEAD_BYTES
        } else {
            HEAD_BYTES_MORE
        };
        allowed.exchanges += 1;
        allowed.is_new = false;
        allowed.bytes = allowed.bytes.saturating_add(more);
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
        self.0.0.account.answered(&self.0.0.origin, Instant::now());
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

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Meter({})", self.0.origin)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::account::{OVERHEAD_PER_SECOND, OVERHEAD_SAVED};
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

    #[test]
    fn requests_that_wait_on_one_connection_add_little_each() {
        let meter = meter();
        meter.received(HEAD_BYTES as usize);
        let exchanges: Vec<Exchange> = (0..8).map(|_| Exchange::begin(meter.clone())).collect();
        meter.received((HEAD_BYTES + 7 * HEAD_BYTES_MORE) as usize - 1);
        assert!(!meter.is_used_up());
        meter.received(1);
        assert!(meter.is_used_up());
        drop(exchanges);
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
