//! Takes a page of the API apart.

use crate::event::Record;
use crate::json::{Flaw, Marks, Scanner, Shape, Value};

/// What a page says about the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextLink {
    /// This is the last page.
    End,
    /// Something that is no absolute http(s) address, for example the text `None` that one client has met: the last
    /// page, but worth counting.
    Odd(String),
    /// Where to go next, to be followed byte for byte.
    Url(String),
}

/// Why a body is not a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The body is empty, or all blank.
    #[error("the page is empty")]
    Empty,
    /// The body is not one complete JSON object.
    #[error("the page is broken: {0}")]
    Broken(#[from] Flaw),
    /// `value` holds something other than a list.
    #[error("the page's value is not a list")]
    NotAList,
}

/// Byte order mark, which some gateways put before JSON.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a page and shows its records, until `take` has enough. Returns where the next page is; none if `take` has stopped
/// it before its end. A missing or null `value` is a page without records.
///
/// Records come before the page is known to be whole: what follows them may turn out to be broken.
pub fn read(
    body: &[u8],
    mut take: impl FnMut(&Record<'_>) -> Option<()>,
) -> Result<Option<NextLink>, PageError> {
    let marks = Marks::of(body.strip_prefix(MARK).unwrap_or(body));
    let mut scanner = Scanner::new(marks.marked());
    match scanner.peek() {
        None => return Err(PageError::Empty),
        Some(b'{') => {}
        Some(_) => return Err(Flaw::NotAnObject.into()),
    }
    let mut record = Record::default();
    let mut next_link = NextLink::End;
    let mut not_a_list = false;
    let mut stopped = false;
    let passed = scanner.members(|scanner, key| {
        if key.is("value") && scanner.take(b'[') {
            while let Some(()) = next(scanner, &mut record)? {
                stopped = take(&record).is_none();
                if stopped {
                    return None;
                }
            }
            return Some(());
        }
        let value = scanner.value()?;
        if key.is("value") {
            not_a_list |= !matches!(value.shape(), Shape::Null);
        } else if key.is("nextLink") {
            next_link = link(value);
        }
        Some(())
    });
    if stopped {
        return Ok(None);
    }
    passed
        .and_then(|()| scanner.end())
        .ok_or_else(|| scanner.flaw())?;
    if not_a_list {
        return Err(PageError::NotAList);
    }
    Ok(Some(next_link))
}

/// Reads the next element of a list, none at its end. Where an element is broken, its brackets alone tell where it ends, so
/// that it costs no other. Stops where the list is cut off.
fn next<'a>(scanner: &mut Scanner<'a>, record: &mut Record<'a>) -> Option<Option<()>> {
    while scanner.take(b',') {}
    match scanner.peek()? {
        b']' => {
            scanner.skip(1);
            return Some(None);
        }
        b'{' => {
            let end = record.read_from(scanner.marked(), scanner.position());
            if record.flaw().is_none() {
                scanner.return_to(end);
                return Some(Some(()));
            }
        }
        _ => {}
    }
    record.read_next(scanner.element()?);
    Some(Some(()))
}

fn link(value: Value<'_>) -> NextLink {
    let text = match value.shape() {
        Shape::Missing | Shape::Null => return NextLink::End,
        Shape::Text(text) => text.to_str().into_owned(),
        Shape::Bool(truth) => truth.to_string(),
        Shape::Number(raw) | Shape::Object(raw) | Shape::Array(raw) => {
            String::from_utf8_lossy(raw).into_owned()
        }
    };
    let scheme = |scheme: &str| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if text.is_empty() {
        NextLink::End
    } else if scheme("https://") || scheme("http://") {
        NextLink::Url(text)
    } else {
        NextLink::Odd(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(body: &str) -> (Vec<String>, Result<Option<NextLink>, PageError>) {
        let mut items = Vec::new();
        let read = read(body.as_bytes(), |record| {
            items.push(String::from_utf8(record.raw().to_vec()).unwrap());
            Some(())
        });
        (items, read)
    }

    #[test]
    fn elements_come_out_as_they_stand() {
        for (body, expected) in [
            (r#"{"value":[]}"#, vec![]),
            (r#"{"value":null}"#, vec![]),
            (r#"{}"#, vec![]),
            ("\u{feff}{\"value\":[{}]}", vec!["{}"]),
            (
                r#"{"value":[{"a":1} , {"b":"]}"}],"x":[1]}"#,
                vec![r#"{"a":1}"#, r#"{"b":"]}"}"#],
            ),
            (
                r#"{"value":[null,1,"a\"]",[2,3]]}"#,
                vec!["null", "1", r#""a\"]""#, "[2,3]"],
            ),
            (
                r#"{"value":[{"a":1e},{"b":2}]}"#,
                vec![r#"{"a":1e}"#, r#"{"b":2}"#],
            ),
            (
                r#"{"value":[{"a":[1},{"b":2}]}"#,
                vec![r#"{"a":[1}"#, r#"{"b":2}"#],
            ),
            (
                r#"{"value":[}{"a":1},{"b":2}]}"#,
                vec![r#"}{"a":1}"#, r#"{"b":2}"#],
            ),
            (r#"{"value":[},{"b":2}]}"#, vec!["}", r#"{"b":2}"#]),
            (
                r#"{"value":[{"a":1],"x"},{"b":2}]}"#,
                vec![r#"{"a":1],"x"}"#, r#"{"b":2}"#],
            ),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(items(body), (expected, Ok(Some(NextLink::End))), "{body}");
        }
    }

    #[test]
    fn links_end_continue_or_are_odd() {
        let url = NextLink::Url("https://example.com/a?$skiptoken=a;b:c%20d".into());
        for (link, expected) in [
            ("null", NextLink::End),
            (r#""""#, NextLink::End),
            (r#""None""#, NextLink::Odd("None".into())),
            (r#""/relative""#, NextLink::Odd("/relative".into())),
            ("7", NextLink::Odd("7".into())),
            (r#""https:\/\/example.com/a?$skiptoken=a;b:c%20d""#, url.clone()),
            (r#""https://example.com/a?$skiptoken=a;b:c%20d""#, url),
        ] {
            let body = format!(r#"{{"nextLink":{link},"value":[]}}"#);
            assert_eq!(items(&body).1, Ok(Some(expected)), "{body}");
        }
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for (body, expected) in [
            ("", PageError::Empty),
            (" \n", PageError::Empty),
            ("<html>", PageError::Broken(Flaw::NotAnObject)),
            ("[]", PageError::Broken(Flaw::NotAnObject)),
            (r#"{"value":[{"a":1}"#, PageError::Broken(Flaw::CutOff(17))),
            (r#"{"value":[{"a":"#, PageError::Broken(Flaw::CutOff(15))),
            (r#"{"value":{}}"#, PageError::NotAList),
            (r#"{"value":[]} x"#, PageError::Broken(Flaw::Unexpected(13))),
        ] {
            assert_eq!(items(body).1, Err(expected), "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn records_are_shown_as_they_would_be_read_alone(
            elements in proptest::collection::vec(r#"\{"(id|level|[a-z]{0,3})":("([a-z]|\\["n]|\x01){0,80}"|\[1, 2\]| \{"a":\[\]\}|[0-9x]|null)?\}?|null"#, 0..6),
        ) {
            let state = |record: &Record<'_>| {
                (record.flaw(), record.oddities(), record.id().map(str::to_owned), record.line().into_owned())
            };
            let mut shown = Vec::new();
            let page = format!(r#"{{"value":[{}]}}"#, elements.join(","));
            let _ = read(page.as_bytes(), |record| {
                assert_eq!(state(record), state(&Record::read(record.raw())));
                shown.push(String::from_utf8(record.raw().to_vec()).unwrap());
                Some(())
            });
            // Control characters inside strings, which are repaired, are not valid.
            let is_valid = |element: &String| {
                serde_json::from_str::<serde_json::Value>(&element.replace('\u{1}', " ")).is_ok()
            };
            if elements.iter().all(is_valid) {
                proptest::prop_assert_eq!(shown, elements);
            }
        }
    }
}
