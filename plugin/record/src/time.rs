//! Instants as the API writes them: ISO 8601 with none to nine or more digits of fraction, `Z` or an offset.

use crate::json::Writer;

/// An instant in nanoseconds since 1970-01-01T00:00:00Z.
pub type Timestamp = u64;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// .NET ticks (100 ns since the year 1) at 1970-01-01T00:00:00Z.
const TICKS_AT_EPOCH: u64 = 621_355_968_000_000_000;

/// Reads an instant. Without a zone it is UTC; more than nine digits of fraction are cut off. None for what is no
/// instant between 1970 and 2554, the span of the contract's timestamps.
pub fn parse(text: &[u8]) -> Option<Timestamp> {
    let date = text.first_chunk::<19>()?;
    let pair = |at: usize| two_digits([date[at], date[at + 1]]);
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let separators =
        [date[4], date[7], date[13], date[16]] == *b"--::" && matches!(date[10], b'T' | b't' | b' ');
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !separators || !in_range {
        return None;
    }
    let (fraction, zone) = fraction(&text[19..])?;
    let days = days_since_epoch(year, month, day)?;
    let seconds = u64::from(days) * 86_400 + u64::from(hour * 3_600 + minute * 60 + second);
    let seconds = seconds.checked_add_signed(-offset_seconds(zone)?)?;
    // A comparison, since multiplying with a check takes a number of 128 bits on WebAssembly.
    if seconds > u64::MAX / NANOS_PER_SECOND {
        return None;
    }
    (seconds * NANOS_PER_SECOND).checked_add(fraction)
}

/// The instant in the `ticks` that end an event's `id`, which equal its time.
pub fn from_ticks(text: &[u8]) -> Option<Timestamp> {
    let ticks = std::str::from_utf8(text).ok()?.parse::<u64>().ok()?;
    ticks.checked_sub(TICKS_AT_EPOCH)?.checked_mul(100)
}

/// Writes an instant as ECS consumers want it: in UTC, cut (not rounded) to microseconds, fewer digits as they are.
/// `given` is the text that [`parse`] has read it from, if it was; mostly that needs no more than a cut.
pub fn member(output: &mut Writer, name: &'static str, given: Option<&[u8]>, instant: Timestamp) {
    match given.and_then(usual) {
        Some(text) => {
            output.key(name);
            output.byte(b'"');
            output.copy(text);
            output.copy(b"Z\"");
        }
        None => output.member_bytes(name, format(instant).as_bytes()),
    }
}

/// The part worth keeping of a text in the usual form, `2026-01-31T23:59:59Z` with one to nine digits of fraction or
/// none: all before the zone, up to microseconds. None for other forms.
fn usual(text: &[u8]) -> Option<&[u8]> {
    let (b'Z', rest) = text.split_last()? else {
        return None;
    };
    let fraction_is_usual = rest.len() == 19 || rest.len() > 20 && rest[19] == b'.';
    // Few readers know the second 60, which becomes the next minute's first.
    (fraction_is_usual && rest[10] == b'T' && rest[17] != b'6').then(|| &rest[..rest.len().min(26)])
}

/// An instant in UTC with as many of six digits of fraction as it needs.
pub fn format(instant: Timestamp) -> String {
    let (seconds, nanos) = (instant / NANOS_PER_SECOND, instant % NANOS_PER_SECOND);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos >= 1_000 {
        text.push_str(format!(".{:06}", nanos / 1_000).trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// The number that `text`, all digits, stands for.
fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// The number that two digits stand for.
#[inline(always)]
fn two_digits(digits: [u8; 2]) -> Option<u32> {
    let [tens, ones] = digits.map(|digit| digit.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// The nanoseconds in the digits of a fraction. A table, since dividing by ten takes a number of 128 bits on WebAssembly.
const UNITS: [u64; 9] = [
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

/// Nanoseconds of the fraction at the start of `text`, and what follows it.
// Like the others that only `parse` calls: without being told, the compiler makes calls of them.
#[inline(always)]
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some((b'.' | b',', mut rest)) = text.split_first() else {
        return Some((0, text));
    };
    // As Azure writes it, without the turns of a loop.
    if let [ticks @ .., b'Z'] = rest
        && let Ok(ticks) = <&[u8; 7]>::try_from(ticks)
        && ticks.iter().all(u8::is_ascii_digit)
    {
        let ticks = ticks
            .iter()
            .fold(0, |ticks, digit| ticks * 10 + u64::from(digit - b'0'));
        return Some((ticks * 100, b"Z"));
    }
    let mut value = 0;
    let mut units = UNITS.iter();
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value += u64::from(digit - b'0') * units.next().unwrap_or(&0);
        rest = after;
    }
    Some((value, rest))
}

/// Seconds that the zone is ahead of UTC.
#[inline(always)]
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [hours @ .., b':', a, b] if hours.len() == 2 => (digits(hours)?, digits(&[*a, *b])?),
        [hours @ .., a, b] if hours.len() == 2 => (digits(hours)?, digits(&[*a, *b])?),
        [_, _] => (digits(rest)?, 0),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60) as i64)
}

#[inline(always)]
fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01; none before it. Years are taken to begin in March, so that leap days come last
/// (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
#[inline(always)]
fn days_since_epoch(year: u32, month: u32, day: u32) -> Option<u32> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Year, month and day of a number of days from 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_instant_is_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2018-01-29T20:42:31.3810679Z", Some(1_517_258_551_381_067_900)),
            ("2018-01-29T20:42:31Z", Some(1_517_258_551_000_000_000)),
            ("2018-01-29T20:42:31.65Z", Some(1_517_258_551_650_000_000)),
            ("2018-01-29T20:42:31.123456789Z", Some(1_517_258_551_123_456_789)),
            ("2018-01-29T20:42:31.1234567899Z", Some(1_517_258_551_123_456_789)),
            ("2018-01-29T20:42:31.Z", Some(1_517_258_551_000_000_000)),
            ("2018-01-29T22:42:31+02:00", Some(1_517_258_551_000_000_000)),
            ("2018-01-29T22:42:31+0200", Some(1_517_258_551_000_000_000)),
            ("2018-01-29T15:42:31-05", Some(1_517_258_551_000_000_000)),
            ("2018-01-29 20:42:31", Some(1_517_258_551_000_000_000)),
            ("2018-01-29t20:42:31z", Some(1_517_258_551_000_000_000)),
            ("2020-02-29T00:00:00Z", Some(1_582_934_400_000_000_000)),
            ("2019-02-29T00:00:00Z", None),
            ("2018-13-01T00:00:00Z", None),
            ("2018-01-29", None),
            ("2018-01-29T20:42:31X", None),
            ("2018-01-29T24:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("0001-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    fn written(text: &[u8]) -> String {
        let mut output = Writer::default();
        if let Some(instant) = parse(text) {
            member(&mut output, "time", Some(text), instant);
        }
        output.finish().0
    }

    #[test]
    fn microseconds_are_cut_and_fewer_digits_kept() {
        for (text, expected) in [
            ("2018-01-29T20:42:31.3810679Z", "2018-01-29T20:42:31.381067Z"),
            ("2018-01-29T20:42:31.65Z", "2018-01-29T20:42:31.65Z"),
            ("2018-01-29T20:42:31Z", "2018-01-29T20:42:31Z"),
            ("2018-01-29T20:42:31.Z", "2018-01-29T20:42:31Z"),
            ("2018-01-29T22:42:31.5000000+02:00", "2018-01-29T20:42:31.5Z"),
            ("2018-01-29 20:42:31.9999999", "2018-01-29T20:42:31.999999Z"),
            ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
        ] {
            assert_eq!(
                written(text.as_bytes()),
                format!("\"time\":\"{expected}\""),
                "{text}"
            );
        }
    }

    #[test]
    fn ticks_are_instants() {
        assert_eq!(
            from_ticks(b"636528553513810679"),
            parse(b"2018-01-29T20:42:31.3810679Z")
        );
        assert_eq!(from_ticks(b"0"), None);
        assert_eq!(from_ticks(b"x"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_formatted_is_read_again(instant in 0..u64::MAX / 1_000) {
            let instant = instant * 1_000;
            proptest::prop_assert_eq!(parse(format(instant).as_bytes()), Some(instant));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let _ = written(&bytes);
        }
    }
}
