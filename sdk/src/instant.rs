//! Instants as text: RFC 3339 for upstreams, cursors and people, HTTP dates for `Retry-After`.

use crate::contract::{Nanos, Timestamp};
use crate::duration::{DAY, HOUR, MINUTE, SECOND};

const MILLISECOND: Nanos = 1_000_000;

/// Cuts an instant to the whole millisecond. Upstreams read at least three fraction digits; pointers keep to three, so that
/// the text in a filter is exactly the pointer.
pub fn whole_millis(instant: Timestamp) -> Timestamp {
    instant - instant % MILLISECOND
}

/// Writes an instant in UTC with `Z`, cut to microseconds, with as many of six digits of fraction as it needs.
pub fn rfc3339(instant: Timestamp) -> String {
    let (year, month, day) = civil(instant / DAY);
    let (hour, minute, second) = (instant / HOUR % 24, instant / MINUTE % 60, instant / SECOND % 60);
    let micros = instant % SECOND / 1_000;
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if micros > 0 {
        text.push_str(format!(".{micros:06}").trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Reads an instant as RFC 3339 writes it: with a zone, and with any number of digits of fraction, of which nine count. None for
/// anything else, and for what is not between 1970 and 2554.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let date = bytes.first_chunk::<19>()?;
    let is_right =
        [date[4], date[7], date[13], date[16]] == *b"--::" && matches!(date[10], b'T' | b't' | b' ');
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number: u64, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..10])?);
    let (hour, minute, second) = (
        number(&date[11..13])?,
        number(&date[14..16])?,
        number(&date[17..])?,
    );
    let days = days(year, month, day)?;
    if !is_right || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = &bytes[19..];
    let digits = match rest.strip_prefix(b".") {
        Some(rest) => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        None => 0,
    };
    let (fraction, zone) = if rest.first() == Some(&b'.') {
        let kept = &rest[1..1 + digits.min(9)];
        (
            number(kept)? * 10_u64.pow(9 - kept.len() as u32),
            &rest[1 + digits..],
        )
    } else {
        (0, rest)
    };
    let local = days
        .checked_mul(DAY)?
        .checked_add(hour * HOUR + minute * MINUTE)?
        .checked_add(second * SECOND + fraction)?;
    match zone {
        b"Z" | b"z" => Some(local),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let offset = hours * HOUR + minutes * MINUTE;
            let is_offset = hours < 24 && minutes < 60;
            match sign {
                b'+' => local.checked_sub(offset),
                _ => local.checked_add(offset),
            }
            .filter(|_| is_offset)
        }
        _ => None,
    }
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

/// Days from 1970-01-01 to a date; none for what is no date, or is before that.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // In this year an instant no longer fits into its 64 bits.
    if !(1970..=2554).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Counted from March on, the day that a leap year has more is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let before = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;
    Some(before + day - 1 - DAYS_TO_1970)
}

/// Year, month and day of a number of days since 1970-01-01 (Hinnant, chrono-Compatible Low-Level Date Algorithms).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month > 9);
    (year, if month > 9 { month - 9 } else { month + 3 }, day)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

/// For `#[serde(with = "instant::text")]`: an instant as RFC 3339 text.
pub mod text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::contract::Timestamp;

    /// Writes the instant.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*instant))
    }

    /// Reads the instant.
    ///
    /// # Errors
    ///
    /// It is not text, or not an instant in RFC 3339.
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
            "2000-02-29T23:59:59.999999Z",
            "2026-03-01T12:30:00.25Z",
            "2026-03-01T12:30:00.000001Z",
            "2400-12-31T00:00:00Z",
        ] {
            assert_eq!(rfc3339(parse_rfc3339(text).unwrap()), text);
        }
        let mut day = 0;
        let mut before = String::new();
        while day < u64::MAX - 40 * DAY {
            let text = rfc3339(day);
            assert_eq!(parse_rfc3339(&text), Some(day), "{text}");
            assert!(text > before, "{text} comes after {before}");
            (before, day) = (text, day + 29 * DAY + 1_000);
        }
    }

    #[test]
    fn offsets_and_http_dates_mean_the_same_instant() {
        let expected = parse_rfc3339("1994-11-06T08:49:37Z");
        assert_eq!(expected, Some(784_111_777 * SECOND));
        assert_eq!(parse_rfc3339("1994-11-06T09:49:37+01:00"), expected);
        assert_eq!(parse_rfc3339("1994-11-06T08:19:37.000-00:30"), expected);
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
    }

    #[test]
    fn digits_beyond_nanoseconds_are_cut_off() {
        let instant = |text: &str| parse_rfc3339(text).unwrap() % SECOND;
        assert_eq!(instant("2018-01-09T21:20:02.7215374Z"), 721_537_400);
        assert_eq!(instant("2018-01-09T21:20:02.12345678901Z"), 123_456_789);
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-03-01",
            "2026-03-01T00:00:00",
            "2026-03-01T00:00:00+1",
            "2026-03-01T00:00:00+25:00",
            "2554-12-31T00:00:00Z",
            "20\u{e9}6-03-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
