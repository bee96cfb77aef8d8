//! Instants as Azure writes them: UTC with up to seven fraction digits, and .NET ticks in identifiers.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Serializer;

/// An instant on the lab's clock.
pub type Instant = DateTime<Utc>;

/// One tick is 100 ns, the resolution of every timestamp in the Activity Log.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// Ticks between 0001-01-01, where .NET counts from, and 1970-01-01.
const TICKS_BEFORE_UNIX: i64 = 621_355_968_000_000_000;

/// The instant in .NET ticks, anything finer cut off.
pub fn ticks(at: Instant) -> i64 {
    TICKS_BEFORE_UNIX + at.timestamp() * TICKS_PER_SECOND + i64::from(at.timestamp_subsec_nanos() / 100)
}

/// The instant with all seven fraction digits, for example `2026-05-04T11:02:03.0450000Z`.
pub fn iso(at: Instant) -> String {
    format!(
        "{}.{:07}Z",
        at.format("%Y-%m-%dT%H:%M:%S"),
        at.timestamp_subsec_nanos() / 100
    )
}

/// Writes an instant into the lab's own reports.
pub(crate) fn serialize<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso(*at))
}

/// Reads a timestamp as `$filter` demands it: `yyyy-mm-ddThh:mm:ss[.fffffff]Z`, nothing looser.
pub fn parse_strict(text: &str) -> Option<Instant> {
    let whole = text.strip_suffix('Z')?;
    let (seconds, fraction) = match whole.split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (whole, "0"),
    };
    let digits = !fraction.is_empty() && fraction.len() <= 7 && fraction.bytes().all(|b| b.is_ascii_digit());
    if seconds.len() != "yyyy-mm-ddThh:mm:ss".len() || !digits {
        return None;
    }
    let base = NaiveDateTime::parse_from_str(seconds, "%Y-%m-%dT%H:%M:%S")
        .ok()?
        .and_utc();
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(base + TimeDelta::nanoseconds(nanoseconds))
}

/// The instant as an HTTP date, rounded up to the next whole second.
pub fn http_date(at: Instant) -> String {
    let up = if at.timestamp_subsec_nanos() > 0 {
        at + TimeDelta::seconds(1)
    } else {
        at
    };
    up.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_agree_with_a_published_event_identifier() {
        let at = parse_strict("2018-01-29T20:42:31.3810679Z").unwrap();
        assert_eq!(ticks(at), 636_528_553_513_810_679);
        assert_eq!(iso(at), "2018-01-29T20:42:31.3810679Z");
    }

    #[test]
    fn strict_timestamps_are_told_from_loose_ones() {
        let cases = [
            ("2026-05-04T11:02:03Z", true),
            ("2026-05-04T11:02:03.1234567Z", true),
            ("2026-05-04T11:02:03.12345678Z", false),
            ("2026-05-04T11:02:03.Z", false),
            ("2026-05-04T11:02:03", false),
            ("2026-05-04T11:02:03+00:00", false),
            ("2026-05-04 11:02:03Z", false),
            ("2026-05-04", false),
            ("2026-13-04T11:02:03Z", false),
            ("2026-5-04T11:02:003Z", false),
        ];
        for (text, good) in cases {
            assert_eq!(parse_strict(text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn http_date_never_names_an_earlier_instant() {
        let at = parse_strict("2026-05-04T11:02:03.5Z").unwrap();
        assert_eq!(http_date(at), "Mon, 04 May 2026 11:02:04 GMT");
    }
}
