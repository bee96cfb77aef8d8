//! What the contract demands of an event, a cursor and a code. The host and examinations judge by this alone; the host
//! tolerates some of what is wrong, an examination does not.

use serde::de::IgnoredAny;
use thiserror::Error;

use super::attributes::attribute_problem;
use crate::model::Event;

/// The contract's bound for a cursor.
const LARGEST_CURSOR: usize = 1 << 20;
/// Ids are keys in receivers, some of which take no longer ones.
const LONGEST_ID: usize = 1_024;
/// Longest code.
const LONGEST_CODE: usize = 64;
/// The largest SeverityNumber of OpenTelemetry.
const HIGHEST_SEVERITY: u8 = 24;

/// What is wrong with an event. The text completes "the event …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventProblem {
    /// Its id is empty.
    #[error("has no id")]
    NoId,
    /// Its id is longer than receivers take.
    #[error("has an id of more than 1,024 bytes")]
    LongId,
    /// Its body is something else than a JSON object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// Its body is not JSON.
    #[error("is invalid JSON")]
    InvalidJson,
    /// There are line ends between the tokens of its body, or blanks before it. The host removes them.
    #[error("is not one JSON object on one line")]
    NotOnOneLine,
    /// There is no such severity. The host takes it for unknown.
    #[error("has a severity above 24")]
    Severity,
    /// Its attributes are too many, too long, named twice or named otherwise than the contract says. The host leaves those out.
    #[error("has attributes that break the contract")]
    Attributes,
}

impl EventProblem {
    /// Whether the host delivers such an event all the same.
    pub fn is_tolerated(self) -> bool {
        matches!(self, Self::NotOnOneLine | Self::Severity | Self::Attributes)
    }
}

/// What is wrong with an event by the contract, if anything is; what is not tolerated comes first. Takes time in
/// proportion to its size.
pub fn event_problem(event: &Event) -> Option<EventProblem> {
    let Event {
        id, severity, body, ..
    } = event;
    if id.is_empty() {
        Some(EventProblem::NoId)
    } else if id.len() > LONGEST_ID {
        Some(EventProblem::LongId)
    } else if !body.trim_start().starts_with('{') {
        Some(EventProblem::NotAnObject)
    } else if serde_json::from_str::<IgnoredAny>(body).is_err() {
        Some(EventProblem::InvalidJson)
    } else if !body.starts_with('{') || has_line_end(body) {
        Some(EventProblem::NotOnOneLine)
    } else if *severity > HIGHEST_SEVERITY {
        Some(EventProblem::Severity)
    } else if attribute_problem(&event.attributes).is_some() {
        Some(EventProblem::Attributes)
    } else {
        None
    }
}

/// Sixteen bytes and more at a time: letter by letter this costs twice what the whole syntax does.
fn has_line_end(body: &str) -> bool {
    memchr::memchr2(b'\n', b'\r', body.as_bytes()).is_some()
}

/// An event without what is tolerated.
pub(super) fn tolerated(mut event: Event) -> Event {
    if event.severity > HIGHEST_SEVERITY {
        event.severity = 0;
    }
    // A raw line end in valid JSON is between two tokens, where a blank does as well.
    if has_line_end(&event.body) {
        event.body = event.body.replace(['\n', '\r'], " ");
    }
    if !event.body.starts_with('{') {
        event.body = event.body.trim_start().to_owned();
    }
    event
}

/// What is wrong with a cursor. The text completes "the plugin returned …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CursorProblem {
    /// It is larger than what is stored.
    #[error("a cursor of {bytes} bytes; at most {LARGEST_CURSOR} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It does not begin with the version of its format.
    #[error("a cursor without a format version in front")]
    NoVersion,
    /// Its first line cannot be shown to people. The host stores it.
    #[error("a cursor that does not begin with a line of text")]
    NotText,
}

impl CursorProblem {
    /// Whether the host stores such a cursor all the same.
    pub fn is_tolerated(self) -> bool {
        self == Self::NotText
    }
}

/// What is wrong with a cursor by the contract, if anything is; what is not tolerated comes first.
pub fn cursor_problem(cursor: &[u8]) -> Option<CursorProblem> {
    let bytes = cursor.len();
    if bytes > LARGEST_CURSOR {
        return Some(CursorProblem::TooLarge { bytes });
    }
    let digits = cursor.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || cursor.get(digits) != Some(&b' ') {
        return Some(CursorProblem::NoVersion);
    }
    let line = cursor.split(|byte| *byte == b'\n').next().unwrap_or_default();
    std::str::from_utf8(line)
        .is_err()
        .then_some(CursorProblem::NotText)
}

/// Whether a text is a code: words of lower-case letters, digits, `-` and `_`, with dots between them, at most 64
/// bytes.
pub fn is_code(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    text.len() <= LONGEST_CODE
        && text
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, body: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: Some(1),
            severity: 9,
            attributes: Vec::new(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn an_event_has_an_id_and_one_json_object_on_one_line() {
        assert_eq!(event_problem(&event("1", r#"{"a":"x\ny"}"#)), None);
        let long = "x".repeat(LONGEST_ID + 1);
        for (id, body, problem) in [
            ("", "{}", EventProblem::NoId),
            (&long, "{}", EventProblem::LongId),
            ("1", "[1]", EventProblem::NotAnObject),
            ("1", "", EventProblem::NotAnObject),
            ("1", "{\"a\":", EventProblem::InvalidJson),
            ("1", "{} {}", EventProblem::InvalidJson),
            ("1", "{\"a\":\"\n\"}", EventProblem::InvalidJson),
            ("1", "{\r\n}", EventProblem::NotOnOneLine),
            ("1", " {}", EventProblem::NotOnOneLine),
        ] {
            assert_eq!(event_problem(&event(id, body)), Some(problem), "{body}");
        }
    }

    #[test]
    fn what_is_tolerated_never_hides_what_is_not() {
        let odd = |body: &str| Event {
            severity: 25,
            ..event("1", body)
        };
        assert_eq!(event_problem(&odd("{}")), Some(EventProblem::Severity));
        for body in ["{}", "{\n}", "\n {\r}"] {
            assert!(event_problem(&odd(body)).is_some_and(EventProblem::is_tolerated));
            let repaired = tolerated(odd(body));
            assert_eq!(event_problem(&repaired), None, "{repaired:?}");
        }
        assert!(!event_problem(&odd("\n[]")).is_some_and(EventProblem::is_tolerated));
    }

    #[test]
    fn a_cursor_begins_with_its_version_and_a_line_of_text() {
        for cursor in [&b"1 x"[..], b"12 ", b"1 x\n\xff"] {
            assert_eq!(cursor_problem(cursor), None, "{cursor:?}");
        }
        for cursor in [&b""[..], b"x", b"1", b" 1", b"1x"] {
            assert_eq!(
                cursor_problem(cursor),
                Some(CursorProblem::NoVersion),
                "{cursor:?}"
            );
        }
        let bytes = LARGEST_CURSOR + 1;
        assert_eq!(
            cursor_problem(&vec![b'1'; bytes]),
            Some(CursorProblem::TooLarge { bytes })
        );
        let unreadable = cursor_problem(b"1 \xff");
        assert_eq!(unreadable, Some(CursorProblem::NotText));
        assert!(unreadable.is_some_and(CursorProblem::is_tolerated));
    }

    #[test]
    fn a_code_is_made_of_lower_case_words_with_dots_between_them() {
        for code in ["azure.throttled", "a", "entra.wrong_secret", "x-1.y"] {
            assert!(is_code(code), "{code}");
        }
        for code in ["", ".", "a..b", "a.", "A.b", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(!is_code(code), "{code}");
        }
    }
}
