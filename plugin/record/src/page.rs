//! Splits a page of the API into its records, without reading them.

use crate::json::{Elements, Flaw, Scanner, Shape, Value};

/// One page as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// The elements of `value`, as received.
    pub items: Elements<'a>,
    /// Where the next page is.
    pub next_link: NextLink,
}

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

/// Reads a page. A missing or null `value` is a page without records.
///
/// Elements are told apart by their brackets alone, so that a broken one costs no other; [`crate::event::Record`]
/// judges each.
pub fn read(body: &[u8]) -> Result<Page<'_>, PageError> {
    let body = body.strip_prefix(MARK).unwrap_or(body);
    let mut scanner = Scanner::new(body);
    match scanner.peek() {
        None => return Err(PageError::Empty),
        Some(b'{') => {}
        Some(_) => return Err(Flaw::NotAnObject.into()),
    }
    let mut items = Elements::default();
    let mut next_link = NextLink::End;
    let mut not_a_list = false;
    let passed = scanner.members(|scanner, key| {
        if key.is("value") && scanner.peek() == Some(b'[') {
            return scanner.split(&mut items);
        }
        let value = scanner.value()?;
        if key.is("value") {
            not_a_list |= !matches!(value.shape(), Shape::Null);
        } else if key.is("nextLink") {
            next_link = link(value);
        }
        Some(())
    });
    passed
        .and_then(|()| scanner.end())
        .ok_or_else(|| scanner.flaw())?;
    if not_a_list {
        return Err(PageError::NotAList);
    }
    Ok(Page { items, next_link })
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

    fn items(body: &str) -> Vec<String> {
        read(body.as_bytes())
            .unwrap()
            .items
            .iter()
            .map(|item| std::str::from_utf8(item.bytes()).unwrap().to_owned())
            .collect()
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
            assert_eq!(items(body), expected, "{body}");
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
            assert_eq!(read(body.as_bytes()).unwrap().next_link, expected, "{body}");
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
            assert_eq!(read(body.as_bytes()), Err(expected), "{body}");
        }
    }
}
