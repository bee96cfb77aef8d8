//! Rates: the token buckets of Resource Manager, and whether clients wait as long as they are told.

use std::collections::HashMap;

use chrono::TimeDelta;
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::answer::Answer;
use crate::entra_error;
use crate::route::Endpoint;
use crate::time::{self, Instant};

/// Reads that a bucket holds, as Microsoft documents it.
const BUCKET_SIZE: f64 = 250.0;

/// Reads that flow back into a bucket every second.
const REFILL_PER_SECOND: f64 = 25.0;

/// Whose rate is counted: an endpoint, a subscription or tenant, and an application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The subscription or tenant, in lower case.
    pub name: String,
    /// The application.
    pub client_id: String,
}

/// All waits and buckets.
#[derive(Debug, Default)]
pub struct Throttle {
    waits: HashMap<Key, Wait>,
    buckets: HashMap<Key, Bucket>,
}

#[derive(Debug)]
struct Wait {
    until: Instant,
    seconds: u32,
}

#[derive(Debug)]
struct Bucket {
    reads: f64,
    filled: Instant,
}

impl Throttle {
    /// Refuses, and expects nothing from this client for so many seconds.
    pub fn refuse(&mut self, key: &Key, now: Instant, seconds: u32, as_date: bool) -> Answer {
        let until = self.expect_wait(key, now, seconds);
        let retry_after = if as_date {
            time::http_date(until)
        } else {
            seconds.to_string()
        };
        let message = format!("The request rate is too high. Please try again after '{seconds}' seconds.");
        let answer = if key.endpoint == Endpoint::Token {
            entra_error::answer(90055, &key.name, now)
        } else {
            Answer::arm_error(
                StatusCode::TOO_MANY_REQUESTS,
                "SubscriptionRequestsThrottled",
                &message,
            )
        };
        answer.with_header(RETRY_AFTER.as_str(), &retry_after)
    }

    /// Expects nothing from this client for so many seconds, and says until when.
    pub fn expect_wait(&mut self, key: &Key, now: Instant, seconds: u32) -> Instant {
        let until = now + TimeDelta::seconds(i64::from(seconds));
        self.waits.insert(key.clone(), Wait { until, seconds });
        until
    }

    /// How early a request is, and the refusal, if the client was told to wait longer. The wait starts anew.
    pub fn too_early(&mut self, key: &Key, now: Instant) -> Option<(TimeDelta, Answer)> {
        let Wait { until, seconds } = *self.waits.get(key)?;
        if now >= until {
            self.waits.remove(key);
            return None;
        }
        Some((until - now, self.refuse(key, now, seconds, false)))
    }

    /// Takes one read out of the bucket and gives what is left, or none when it is empty.
    pub fn take_read(&mut self, key: &Key, now: Instant) -> Option<u32> {
        let bucket = self.buckets.entry(key.clone()).or_insert(Bucket {
            reads: BUCKET_SIZE,
            filled: now,
        });
        let seconds = (now - bucket.filled).as_seconds_f64().max(0.0);
        bucket.reads = (bucket.reads + seconds * REFILL_PER_SECOND).min(BUCKET_SIZE);
        bucket.filled = now;
        if bucket.reads < 1.0 {
            return None;
        }
        bucket.reads -= 1.0;
        Some(bucket.reads as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            endpoint: Endpoint::Log,
            name: "a".to_owned(),
            client_id: "c".to_owned(),
        }
    }

    fn at(milliseconds: i64) -> Instant {
        time::parse_strict("2026-05-04T10:00:00Z").unwrap() + TimeDelta::milliseconds(milliseconds)
    }

    #[test]
    fn an_early_request_is_refused_and_waits_anew() {
        let mut throttle = Throttle::default();
        assert!(throttle.too_early(&key(), at(0)).is_none());
        throttle.refuse(&key(), at(0), 2, false);
        let (early, _) = throttle.too_early(&key(), at(1500)).unwrap();
        assert_eq!(early, TimeDelta::milliseconds(500));
        assert!(throttle.too_early(&key(), at(2500)).is_some());
        assert!(throttle.too_early(&key(), at(4500)).is_none());
    }

    #[test]
    fn a_date_is_rounded_up_so_that_it_asks_for_no_less() {
        let answer = Throttle::default().refuse(&key(), at(100), 2, true);
        assert_eq!(
            answer.response.headers()[RETRY_AFTER],
            "Mon, 04 May 2026 10:00:03 GMT"
        );
    }

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut throttle = Throttle::default();
        for left in (0..250).rev() {
            assert_eq!(throttle.take_read(&key(), at(0)), Some(left));
        }
        assert_eq!(throttle.take_read(&key(), at(0)), None);
        assert_eq!(throttle.take_read(&key(), at(1000)), Some(24));
    }
}
