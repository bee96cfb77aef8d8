//! How long to wait after a failure. Nothing is given up: whatever fails is tried again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::model::{Failure, Fault};

/// After the first failure that may pass by itself.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// After the first refusal; the interval, if that is shorter.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
/// However many failures came before, at least so many minutes are between two calls when the interval is longer.
const SHORTEST_LONG_DELAY: Duration = Duration::from_secs(60);
/// However long the interval is.
const LONGEST_DELAY: Duration = Duration::from_secs(10 * 60);
/// What a source or a receiver asks for counts up to this.
const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets past failures, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure, and says how long to wait: never less than a refusal itself asks for.
    ///
    /// Delays double: from half a second up to the interval after what may pass by itself, from the interval (or 30 s) up
    /// to it when a person must act upstream, and up to ten minutes when a person must act here.
    pub fn delay(&mut self, failure: &Failure, interval: Duration) -> Duration {
        let refusal = FIRST_PATIENCE.min(interval);
        let (first, longest) = match failure.fault {
            Fault::Retry | Fault::Broken | Fault::Refused | Fault::Gone => {
                (FIRST_DELAY, interval.clamp(SHORTEST_LONG_DELAY, LONGEST_DELAY))
            }
            Fault::Denied => (refusal, interval.min(LONGEST_DELAY)),
            Fault::InvalidConfig | Fault::InvalidCursor => (refusal, LONGEST_DELAY),
        };
        let own = self.delay_between(first, longest);
        let wish = failure.retry_after.map(|after| after.min(LONGEST_WISH));
        match (wish, failure.fault) {
            (Some(after), Fault::Retry | Fault::Broken | Fault::Refused) => after,
            (Some(after), _) => after.max(own),
            (None, _) => own,
        }
    }

    /// Counts a failure; the wait doubles from the first to the longest, less up to half of it.
    pub fn delay_between(&mut self, first: Duration, longest: Duration) -> Duration {
        let delay = first.saturating_mul(1 << self.failures.min(24)).min(longest);
        self.failures = self.failures.saturating_add(1);
        jittered(delay)
    }
}

/// Between half and the whole of a delay, so that a thousand partitions do not come back as one.
fn jittered(delay: Duration) -> Duration {
    // The standard library's only source of randomness; good enough to spread calls, not for anything secret.
    let random = RandomState::new().build_hasher().finish();
    delay / 2 + (delay / 2).mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn failure(fault: Fault, retry_after: Option<u64>) -> Failure {
        Failure {
            retry_after: retry_after.map(Duration::from_secs),
            ..Failure::host(fault, "x", "x")
        }
    }

    #[test]
    fn delays_double_up_to_the_interval_and_a_success_resets_them() {
        let mut backoff = Backoff::default();
        for expected in [
            0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0,
        ] {
            let delay = backoff
                .delay(&failure(Fault::Retry, None), INTERVAL)
                .as_secs_f64();
            assert!(
                (expected / 2.0..=expected).contains(&delay),
                "{delay} of {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.delay(&failure(Fault::Broken, None), INTERVAL) <= FIRST_DELAY);
    }

    #[test]
    fn whatever_fails_is_asked_again_at_least_every_ten_minutes() {
        for interval in [1, 300, 86_400].map(Duration::from_secs) {
            for (fault, longest) in [
                (Fault::Retry, interval.clamp(SHORTEST_LONG_DELAY, LONGEST_DELAY)),
                (Fault::Broken, interval.clamp(SHORTEST_LONG_DELAY, LONGEST_DELAY)),
                (Fault::Denied, interval.min(LONGEST_DELAY)),
                (Fault::InvalidConfig, LONGEST_DELAY),
                (Fault::InvalidCursor, LONGEST_DELAY),
            ] {
                let mut backoff = Backoff::default();
                let first = backoff.delay(&failure(fault, None), interval);
                assert!(first <= FIRST_PATIENCE, "{fault:?} {interval:?}: {first:?}");
                let last = (0..1_000)
                    .map(|_| backoff.delay(&failure(fault, None), interval))
                    .last();
                let last = last.unwrap_or_default();
                assert!(
                    last >= longest / 2 && last <= longest,
                    "{fault:?} {interval:?}: {last:?}"
                );
            }
        }
    }

    #[test]
    fn a_wished_delay_is_kept_up_to_an_hour_and_never_shortens_a_refusal() {
        for (fault, retry_after, least, most) in [
            (Fault::Retry, 7, 7, 7),
            (Fault::Retry, 3_600, 3_600, 3_600),
            (Fault::Retry, u64::MAX / 1_000_000_000, 3_600, 3_600),
            (Fault::Denied, 1, 15, 30),
            (Fault::Denied, 700, 700, 700),
            (Fault::Denied, 1_000_000, 3_600, 3_600),
            (Fault::InvalidConfig, 1_000_000, 3_600, 3_600),
        ] {
            let delay = Backoff::default().delay(&failure(fault, Some(retry_after)), INTERVAL);
            assert!(
                (least..=most).contains(&delay.as_secs()),
                "{fault:?} {retry_after}: {delay:?}"
            );
        }
    }

    #[test]
    fn very_many_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert!(backoff.delay(&failure(Fault::Retry, None), INTERVAL) <= LONGEST_DELAY);
    }
}
