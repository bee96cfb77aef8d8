//! Instants as operators and the simulated Azure write them. The rest of it is the SDK's.

pub use headwater_source::instant::{rfc3339, text, whole_millis};

use crate::contract::Timestamp;
use crate::time;

/// Reads an RFC 3339 instant; without a zone it is UTC.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    time::parse(text.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_and_both_writers_of_instants_agree() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999999Z",
            "2026-03-01T12:30:00.25+01:00",
            "2400-12-31T00:00:00Z",
        ] {
            let instant = parse_rfc3339(text).unwrap();
            assert_eq!(headwater_source::parse_time(text), Some(instant));
            assert_eq!(rfc3339(instant), time::format(instant));
        }
        assert_eq!(
            parse_rfc3339("2026-03-01T12:00:00"),
            parse_rfc3339("2026-03-01T12:00:00Z")
        );
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
