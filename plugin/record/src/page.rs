//! Takes a page of the API apart while it comes.

mod walk;

use crate::json::SyntaxError;
use crate::record::Record;
use walk::{Flow, Walk};

/// What a page says about the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NextLink {
    /// This is the last page.
    #[default]
    End,
    /// Something that is not an absolute http(s) address: nobody knows where the next page is, or whether there is one.
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
    Broken(#[from] SyntaxError),
    /// It is an object without a list of records: an error, for one.
    #[error("the answer has no list of records")]
    NoPage,
    /// `value` holds something other than a list.
    #[error("the page's value is not a list")]
    NotAList,
}

/// How much of a body is looked at together, once that much is there: some dozens of records, which stay in the processor's
/// cache meanwhile.
const WINDOW: usize = 256 * 1024;

/// Reads a page from the pieces of its body and shows its records, until `take` has enough. Returns where the next page is;
/// none if `take` has stopped it before its end. Only a list, be it empty, makes a page: a `value` that is null or missing
/// says nothing about the time that was asked for.
///
/// Records come before the page is known to be whole: what follows them may turn out to be broken, or not to come at all.
pub fn read<E: From<PageError>>(
    pieces: impl IntoIterator<Item = Result<Vec<u8>, E>>,
    take: impl FnMut(&Record<'_>) -> Option<()>,
) -> Result<Option<NextLink>, E> {
    read_by(WINDOW, &mut pieces.into_iter(), take)
}

fn read_by<E: From<PageError>>(
    least: usize,
    pieces: &mut impl Iterator<Item = Result<Vec<u8>, E>>,
    mut take: impl FnMut(&Record<'_>) -> Option<()>,
) -> Result<Option<NextLink>, E> {
    let mut window = Vec::new();
    let mut wanted = least;
    let mut walk = Walk::default();
    loop {
        // What has come counts, also where nothing more will.
        let filled = fill(&mut window, wanted, pieces);
        walk.is_whole = matches!(filled, Ok(true));
        let passed = match walk.go_on(&window, &mut take)? {
            Flow::Ended => return Ok(Some(walk.next_link)),
            Flow::Stopped => return Ok(None),
            Flow::Passed(passed) => passed,
        };
        filled?;
        walk.before += passed;
        window.drain(..passed);
        // A record that is longer than the window is begun again with twice as much.
        wanted = least.max(2 * window.len());
    }
}

/// Appends pieces until there is enough. Tells whether there are no more.
fn fill<E>(
    window: &mut Vec<u8>,
    wanted: usize,
    pieces: &mut impl Iterator<Item = Result<Vec<u8>, E>>,
) -> Result<bool, E> {
    while window.len() < wanted {
        match pieces.next() {
            None => return Ok(true),
            Some(piece) if window.is_empty() => *window = piece?,
            Some(piece) => window.extend_from_slice(&piece?),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a page as they stand, and how it ended.
    type Shown = (Vec<String>, Result<Option<NextLink>, PageError>);

    fn items(body: &str) -> Shown {
        items_by(WINDOW, body)
    }

    fn items_by(window: usize, body: &str) -> Shown {
        let mut items = Vec::new();
        let pieces = body.as_bytes().chunks(window.div_ceil(2));
        let read = read_by(window, &mut pieces.map(|piece| Ok(piece.to_vec())), |record| {
            items.push(String::from_utf8_lossy(record.raw()).into_owned());
            Some(())
        });
        (items, read)
    }

    #[test]
    fn elements_come_out_as_they_stand() {
        for (body, expected) in [
            (r#"{"value":[]}"#, vec![]),
            (r#"{"value":[],"error":null}"#, vec![]),
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
            (r#""None""#, NextLink::End),
            (r#""none""#, NextLink::Odd("none".into())),
            (r#"" ""#, NextLink::Odd(" ".into())),
            (r#""//example.com/a""#, NextLink::Odd("//example.com/a".into())),
            ("{}", NextLink::Odd("{}".into())),
            ("false", NextLink::Odd("false".into())),
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
            ("<html>", PageError::Broken(SyntaxError::NotAnObject)),
            ("[]", PageError::Broken(SyntaxError::NotAnObject)),
            (r#"{"value":[{"a":1}"#, PageError::Broken(SyntaxError::CutOff(17))),
            (r#"{"value":[{"a":"#, PageError::Broken(SyntaxError::CutOff(15))),
            (r#"{"value":{}}"#, PageError::NotAList),
            ("{}", PageError::NoPage),
            (r#"{"error":{"code":"ServerTimeout"}}"#, PageError::NoPage),
            (
                r#"{"code":"InternalServerError","message":"x"}"#,
                PageError::NoPage,
            ),
            (r#"{"value":null}"#, PageError::NoPage),
            (r#"{"value":null,"nextLink":"https://a/b"}"#, PageError::NoPage),
            (r#"{"nextLink":"https://a/b"}"#, PageError::NoPage),
            (r#"{"value":null,"error":{}}"#, PageError::NoPage),
            (
                r#"{"value":[],"error":{"code":"ServerTimeout"}}"#,
                PageError::NoPage,
            ),
            (
                r#"{"value":[]} x"#,
                PageError::Broken(SyntaxError::Unexpected(13)),
            ),
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
                (record.error(), record.oddities(), record.id().map(str::to_owned), record.line().into_owned())
            };
            let mut shown = Vec::new();
            let page = format!(r#"{{"value":[{}]}}"#, elements.join(","));
            let _ = read([Ok::<_, PageError>(page.into_bytes())], |record| {
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

        #[test]
        fn pages_are_the_same_through_any_window(
            page in r#"(\x{feff})?\{("a":1.5, )?"value": ?\[([{}\[\]",:1e ]|\{"[ab]":(1|"[é\]\}]{0,9}"|\[\{\}\]|tru)\},?){0,9}\](,"nextLink":("https://a/b\\"c"|7))?\}? ?"#,
            // A byte order mark is looked for as a whole.
            window in 3_usize..40,
        ) {
            proptest::prop_assert_eq!(items_by(window, &page), items(&page));
        }
    }
}
