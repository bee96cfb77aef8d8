//! Durations, sizes and shares as people write them: `300s`, `1h 30m`, `64MiB`, `20%`.

use std::time::Duration;

/// Size suffixes and their factors. Decimal and binary are different words on purpose: `MB` is a million bytes.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("", 1),
];

/// No duration here means more than this, and clocks can count so far.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Units of durations. The Azure source reads its durations by the same grammar (`plugin/src/span.rs`).
const DURATION_UNITS: [&str; 5] = ["d", "h", "m", "s", "ms"];

/// Reads a duration; the error says how to write one.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let is_usual = text
        .split(|letter: char| !letter.is_alphabetic())
        .all(|unit| unit.is_empty() || DURATION_UNITS.contains(&unit));
    let duration = humantime::parse_duration(text)
        .ok()
        .filter(|_| is_usual)
        .ok_or_else(|| {
            format!("`{text}` is not a duration; write for example \"300s\", \"5m\" or \"1h 30m\"")
        })?;
    if duration > LONGEST {
        return Err(format!(
            "`{text}` is longer than ten years; write a shorter duration, for example \"300s\" or \"5m\""
        ));
    }
    Ok(duration)
}

/// Reads a size in bytes; the error says how to write one.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let refusal = || format!("`{text}` is not a size; write for example \"64MiB\"");
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let (_, factor) = SIZE_UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .ok_or_else(refusal)?;
    number.checked_mul(*factor).ok_or_else(refusal)
}

/// Reads a share in percent; the error says how to write one.
pub(super) fn parse_percent(text: &str) -> Result<u32, String> {
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse().ok());
    number.ok_or_else(|| format!("`{text}` is not a percentage; write a whole number, for example \"20%\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("2GB", 2_000_000_000),
            ("5kB", 5_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_an_example() {
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "64mib",
            "64 apples",
            "99999999999GiB",
            "0x10",
        ] {
            assert!(
                parse_size(text).is_err_and(|error| error.contains("64MiB")),
                "{text}"
            );
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1h 30 m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for text in [
            "",
            "300",
            "soon",
            "-5s",
            "5min",
            "2 hours",
            "1w",
            "4000d",
            "580000000000y",
        ] {
            assert!(
                parse_duration(text).is_err_and(|error| error.contains("300s")),
                "{text}"
            );
        }
    }

    #[test]
    fn shares_are_whole_percents() {
        assert_eq!(parse_percent("20%"), Ok(20));
        assert_eq!(parse_percent("150 %"), Ok(150));
        for text in ["", "20", "0.2", "1.5%", "-1%", "%"] {
            assert!(
                parse_percent(text).is_err_and(|error| error.contains("20%")),
                "{text}"
            );
        }
    }
}
