//! Spans of time as people write them: `30m`, `6h`, `1h 30m`, `7d`. The host reads its durations by the same grammar
//! (`host/cli/src/config/unit.rs`).

use crate::contract::Nanos;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;
/// One minute.
pub const MINUTE: Nanos = 60 * SECOND;
/// One hour.
pub const HOUR: Nanos = 60 * MINUTE;
/// One day of 24 hours.
pub const DAY: Nanos = 24 * HOUR;

/// From large to small, the order in which a duration is written.
const UNITS: [(&str, Nanos); 5] = [
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", SECOND / 1000),
];

/// Reads whole numbers, each with a unit of `d`, `h`, `m`, `s` or `ms`, with or without blanks between them. A bare `0` needs
/// no unit.
pub fn parse(text: &str) -> Option<Nanos> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0);
    }
    let mut total: Nanos = 0;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: Nanos = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..letters])?;
        total = total.checked_add(count.checked_mul(*unit)?)?;
        rest = rest[letters..].trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// Writes a duration in the form that [`parse`] reads; what is below a millisecond is cut off.
pub fn format(duration: Nanos) -> String {
    let mut rest = duration;
    let mut text = String::new();
    for (name, unit) in UNITS {
        if rest >= unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// For `#[serde(with = "duration::text")]`: a duration as text.
pub mod text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::contract::Nanos;

    /// Writes the duration.
    ///
    /// # Errors
    ///
    /// The serializer's.
    pub fn serialize<S: Serializer>(duration: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*duration))
    }

    /// Reads the duration.
    ///
    /// # Errors
    ///
    /// It is not text, or not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).ok_or_else(|| Error::custom("not a duration"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_their_value_through_text() {
        for (text, duration) in [
            ("30m", 30 * MINUTE),
            ("1h30m", 90 * MINUTE),
            ("7d", 7 * DAY),
            ("1s500ms", SECOND * 3 / 2),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(duration), "{text}");
            assert_eq!(format(duration), text);
        }
        assert_eq!(parse("90m"), Some(90 * MINUTE));
        assert_eq!(parse(" 1h 30 m "), Some(90 * MINUTE));
        assert_eq!(parse("0"), Some(0));
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "30",
            "m",
            "-5m",
            "1.5h",
            "5y",
            "99999999999999999999d",
            "9999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
