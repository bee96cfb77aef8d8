//! What one source has received beside bodies, and which origins sent it too much: who is charged and who waits.
//!
//! A source that receives too much beside bodies waits until it has paid. Requests to an origin that sent far more than it was
//! asked for wait, longer each time, until it has answered one to its end and been quiet for as long again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::origin::Origin;

/// Bytes beside bodies that a source may receive in a second, and how many seconds of it can be saved up. Some thousand
/// answers a second have that much.
pub(super) const OVERHEAD_PER_SECOND: f64 = (2 << 20) as f64;
pub(super) const OVERHEAD_SAVED: f64 = 8.0 * OVERHEAD_PER_SECOND;
/// What is added to the time that a debt takes: whoever counts bodies may be late.
const MARGIN: Duration = Duration::from_millis(50);
/// How long requests wait after an origin has sent too much: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE_DOUBLINGS: u32 = 6;
/// An origin is not forgiven earlier than this after its pause: one that answers and then floods has answered, too.
const SHORTEST_PROBATION: Duration = Duration::from_secs(10);

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
    /// From then on an answer is amends.
    probation_until: Instant,
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

    pub(super) fn debt(&self) -> Option<Duration> {
        let mut overhead = lock(&self.overhead);
        let now = Instant::now();
        let passed = now.saturating_duration_since(overhead.since).as_secs_f64();
        overhead.left = (overhead.left + passed * OVERHEAD_PER_SECOND).min(OVERHEAD_SAVED);
        overhead.since = now;
        (overhead.left < 0.0).then(|| {
            let seconds = -overhead.left / OVERHEAD_PER_SECOND;
            Duration::from_secs_f64(seconds) + MARGIN
        })
    }

    pub(super) fn charge(&self, bytes: f64) {
        lock(&self.overhead).left -= bytes;
    }

    /// Connections that are cut off while requests wait already were opened before, and count once.
    pub(super) fn punish(&self, origin: &Origin, now: Instant) {
        let mut pauses = lock(&self.pauses);
        let known = pauses.get(origin);
        if known.is_some_and(|pause| now < pause.until) {
            return;
        }
        let strikes = known.map_or(0, |pause| pause.strikes);
        let pause = FIRST_PAUSE * 2_u32.pow(strikes.min(LONGEST_PAUSE_DOUBLINGS));
        let pause = Pause {
            until: now + pause,
            probation_until: now + pause + pause.max(SHORTEST_PROBATION),
            strikes: strikes + 1,
        };
        pauses.insert(origin.clone(), pause);
    }

    /// Whether an origin has sent too much of late.
    pub(super) fn has_offenders(&self) -> bool {
        !lock(&self.pauses).is_empty()
    }

    /// The origin has answered a request to its end.
    pub(super) fn answered(&self, origin: &Origin, now: Instant) {
        let mut pauses = lock(&self.pauses);
        if pauses
            .get(origin)
            .is_some_and(|pause| now >= pause.probation_until)
        {
            pauses.remove(origin);
        }
    }
}

/// Numbers stay usable after a panic elsewhere: each change is complete in itself.
pub(super) fn lock<T>(numbers: &Mutex<T>) -> MutexGuard<'_, T> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // It answers, and floods again.
            account.answered(&origin, now);
        }
        let other = Origin::parse("https://other.example").unwrap();
        assert_eq!(account.pause(&other), None);
        account.punish(&origin, now);
        assert!(account.pause(&origin).is_some());
        let probation = lock(&account.pauses)[&origin].probation_until;
        assert!(account.has_offenders());
        account.answered(&origin, probation);
        assert!(!account.has_offenders());
    }
}
