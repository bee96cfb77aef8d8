//! Instants as text: RFC 3339 for the API, the cursor and people, HTTP dates for `Retry-After`.

use crate::contract::{Nanos, Timestamp};
use crate::time;

const MILLISECOND: Nanos = 1_000_000;

/// Cuts an instant to the whole millisecond. The API reads at most seven fraction digits; pointers keep to three, so
/// that the text in a filter is exactly the pointer.
pub fn whole_millis(instant: Timestamp) -> Timestamp {
    instant - instant % MILLISECOND
}

/// Writes an instant in UTC with `Z`, cut to microseconds.
pub fn rfc3339(instant: Timestamp) -> String {
    time::format(instant)
}

/// Reads an RFC 3339 instant; without a zone it is UTC.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    time::parse(text.trim().as_bytes())
}

/// Reads a date in the form of HTTP headers, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = text.split_ascii_whitespace();
    let mut part = || parts.next();
    let (_, day, month, year, clock, zone) = (part()?, part()?, part()?, part()?, part()?, part()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    (zone == "GMT").then(|| parse_rfc3339(&format!("{year}-{month:02}-{day:0>2}T{clock}Z")))?
}

/// For `#[serde(with = "instant::text")]`: an instant as RFC 3339 text.
pub mod text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::contract::Timestamp;

    /// Writes the instant.
    pub fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*instant))
    }

    /// Reads the instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_rfc3339(&text).ok_or_else(|| Error::custom("not an instant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_value_through_text() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-03-01T12:30:00.25Z",
            "2026-03-01T12:30:00.000001Z",
        ] {
            assert_eq!(rfc3339(parse_rfc3339(text).unwrap()), text);
        }
    }

    #[test]
    fn offsets_and_http_dates_mean_the_same_instant() {
        let expected = parse_rfc3339("1994-11-06T08:49:37Z");
        assert_eq!(parse_rfc3339("1994-11-06T09:49:37+01:00"), expected);
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        assert!(expected.is_some());
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-03-01",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
