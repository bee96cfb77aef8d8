//! How long to wait after a failure.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::failure::{Failure, Fault};

/// After the first failure.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// However many failures came before.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets past failures, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure, and says how long to wait: never less than the failure itself asks for.
    pub(crate) fn delay(&mut self, failure: &Failure, interval: Duration) -> Duration {
        let own = match failure.fault {
            Fault::Denied => interval,
            _ => jittered(
                FIRST_DELAY
                    .saturating_mul(1 << self.failures.min(16))
                    .min(LONGEST_DELAY),
            ),
        };
        self.failures = self.failures.saturating_add(1);
        match (failure.retry_after, failure.fault) {
            (Some(after), Fault::Denied) => after.max(own),
            (Some(after), _) => after,
            (None, _) => own,
        }
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
    fn delays_double_up_to_a_minute_and_a_success_resets_them() {
        let mut backoff = Backoff::default();
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
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
    fn a_wished_delay_is_kept_and_a_refusal_waits_the_interval() {
        for (fault, retry_after, expected) in [
            (Fault::Retry, Some(7), 7),
            (Fault::Retry, Some(3600), 3600),
            (Fault::Denied, None, 300),
            (Fault::Denied, Some(7), 300),
            (Fault::Denied, Some(3600), 3600),
        ] {
            let delay = Backoff::default().delay(&failure(fault, retry_after), INTERVAL);
            assert_eq!(delay.as_secs(), expected, "{fault:?} {retry_after:?}");
        }
    }

    #[test]
    fn very_many_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert!(backoff.delay(&failure(Fault::Retry, None), INTERVAL) <= LONGEST_DELAY);
    }
}
