//! What operators are told about a failure that lasts: each change once, and a reminder now and then.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::model::{Failure, Fault};

/// How often to remind of an outage.
const REMINDER: Duration = Duration::from_secs(60 * 60);
/// Failures that are told apart in one outage. An upstream that names a new one at each call is not worth more lines.
const MOST_KINDS: usize = 16;

/// One partition's or source's failures since its last success.
#[derive(Debug, Default)]
pub struct Outage(Option<Present>);

#[derive(Debug)]
struct Present {
    since: Instant,
    /// What has been told already: fault and code.
    told: Vec<(Fault, String)>,
    last_line: Instant,
    failures: u64,
}

/// How loud a failure is.
#[derive(Debug, PartialEq, Eq)]
enum Loudness {
    News,
    Reminder,
    Quiet,
}

impl Outage {
    /// Tells operators about a failure, if it is news. `what` does not work; `next` is when it is tried again, if it is.
    pub fn failed(&mut self, failure: &Failure, what: &str, next: Option<Duration>) {
        let Failure {
            fault,
            code,
            message,
            hint,
            ..
        } = failure;
        let loudness = self.note(failure, Instant::now());
        let (lasting, failures) = self.0.as_ref().map_or((Duration::ZERO, 0), |present| {
            (present.since.elapsed(), present.failures)
        });
        let (name, hint) = (fault.as_str(), hint.as_deref());
        let next = next.map(seconds);
        match (loudness, fault) {
            (Loudness::Quiet, _) => debug!(fault = name, code, next, "{what}: {message}"),
            (Loudness::News, Fault::Retry) => warn!(fault = name, code, hint, next, "{what}: {message}"),
            (Loudness::News, _) => error!(fault = name, code, hint, next, "{what}: {message}"),
            (Loudness::Reminder, Fault::Retry) => {
                warn!(
                    fault = name,
                    code,
                    hint,
                    next,
                    failures,
                    lasting = seconds(lasting),
                    "still {what}: {message}"
                );
            }
            (Loudness::Reminder, _) => {
                error!(
                    fault = name,
                    code,
                    hint,
                    next,
                    failures,
                    lasting = seconds(lasting),
                    "still {what}: {message}"
                );
            }
        }
    }

    /// Notes a success, and tells operators if there was an outage.
    pub fn over(&mut self) {
        if let Some(Present { since, failures, .. }) = self.0.take() {
            info!(failures, lasted = seconds(since.elapsed()), "works again");
        }
    }

    fn note(&mut self, failure: &Failure, now: Instant) -> Loudness {
        let present = self.0.get_or_insert_with(|| Present {
            since: now,
            told: Vec::new(),
            last_line: now,
            failures: 0,
        });
        present.failures += 1;
        let kind = (failure.fault, failure.code.clone());
        let loudness = if present.told.len() < MOST_KINDS && !present.told.contains(&kind) {
            present.told.push(kind);
            Loudness::News
        } else if now.duration_since(present.last_line) >= REMINDER {
            Loudness::Reminder
        } else {
            return Loudness::Quiet;
        };
        present.last_line = now;
        loudness
    }
}

/// A duration for people, to the millisecond.
fn seconds(duration: Duration) -> String {
    humantime::format_duration(Duration::from_millis(duration.as_millis() as u64)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(fault: Fault, code: &str) -> Failure {
        Failure::host(fault, code, "x")
    }

    #[test]
    fn a_failure_that_lasts_for_days_is_a_line_and_then_one_an_hour() {
        let mut outage = Outage::default();
        let start = Instant::now();
        let mut lines = 0;
        for minute in 0..2 * 24 * 60 {
            let code = if minute % 2 == 0 { "one" } else { "two" };
            let now = start + Duration::from_secs(minute * 60);
            lines += usize::from(outage.note(&failure(Fault::Denied, code), now) != Loudness::Quiet);
        }
        assert!((48..=50).contains(&lines), "{lines}");
    }

    #[test]
    fn each_change_of_state_is_news() {
        let mut outage = Outage::default();
        let now = Instant::now();
        for (fault, code, loudness) in [
            (Fault::Retry, "a", Loudness::News),
            (Fault::Retry, "a", Loudness::Quiet),
            (Fault::Denied, "a", Loudness::News),
            (Fault::Denied, "b", Loudness::News),
            (Fault::Retry, "a", Loudness::Quiet),
        ] {
            assert_eq!(
                outage.note(&failure(fault, code), now),
                loudness,
                "{fault:?} {code}"
            );
        }
        outage.over();
        assert_eq!(outage.note(&failure(Fault::Retry, "a"), now), Loudness::News);
    }

    #[test]
    fn codes_without_end_do_not_fill_the_log() {
        let mut outage = Outage::default();
        let now = Instant::now();
        let loud = (0..1_000).filter(|number| {
            outage.note(&failure(Fault::Retry, &number.to_string()), now) != Loudness::Quiet
        });
        assert_eq!(loud.count(), MOST_KINDS);
    }
}
