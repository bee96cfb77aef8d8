//! How long an upstream asks to wait.

use crate::contract::{Nanos, Timestamp};
use crate::duration::SECOND;
use crate::http::Response;
use crate::instant::parse_http_date;

/// The shortest wait that `Retry-After` can ask for: none at all would be a storm.
const SHORTEST: Nanos = SECOND;
/// The longest wait that `Retry-After` can ask for: longer than any throttling lasts.
pub const LONGEST: Nanos = 300 * SECOND;

/// How long an answer asks to wait: `Retry-After` in seconds or as a date, within sensible bounds.
pub fn after(answer: &Response, now: Timestamp) -> Option<Nanos> {
    let text = answer.header("retry-after")?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(SECOND),
        Err(_) => parse_http_date(text)?.saturating_sub(now),
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_clamped() {
        let now = crate::parse_time("1994-11-06T08:49:00Z").unwrap();
        for (value, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("86400", Some(300)),
            ("99999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(1)),
            ("soon", None),
            ("-1", None),
        ] {
            let answer = Response {
                status: 429,
                headers: vec![("Retry-After".to_owned(), value.to_owned())],
                body: Vec::new(),
            };
            let expected = seconds.map(|seconds: u64| seconds * SECOND);
            assert_eq!(after(&answer, now), expected, "{value}");
        }
    }
}
