//! Takes a page of the API apart.

use crate::event::Record;
use crate::json::{Flaw, Marks, Scanner, Shape, Value};

/// What a page says about the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NextLink {
    /// This is the last page.
    #[default]
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

/// How much of a body is looked at together, once that much is there: some dozens of records, which stay in the processor's
/// cache meanwhile.
const WINDOW: usize = 256 * 1024;

/// Reads a page from the pieces of its body and shows its records, until `take` has enough. Returns where the next page is;
/// none if `take` has stopped it before its end. A missing or null `value` is a page without records.
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
    let mut page = Page::default();
    loop {
        // What has come counts, also where nothing more will.
        let (is_whole, failure) = match fill(&mut window, wanted, pieces) {
            Ok(is_whole) => (is_whole, None),
            Err(failure) => (false, Some(failure)),
        };
        let passed = match page.go_on(&window, is_whole, &mut take)? {
            Flow::Ended => return Ok(Some(page.next_link)),
            Flow::Stopped => return Ok(None),
            Flow::Passed(passed) => passed,
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        page.before += passed;
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

/// A page that is being read.
#[derive(Default)]
struct Page {
    place: Place,
    next_link: NextLink,
    not_a_list: bool,
    /// How many bytes came before the window.
    before: usize,
}

/// Where in a page the reading stands.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before everything.
    #[default]
    Start,
    /// Behind the opening brace.
    Opened,
    /// Before a member's name.
    Member,
    /// Among the records.
    List,
    /// Behind a member.
    Passed,
    /// Behind the closing brace.
    End,
}

/// How the reading of a window ended.
enum Flow {
    /// The page is over.
    Ended,
    /// Nobody wants more.
    Stopped,
    /// After so many bytes, what comes next is not there as a whole.
    Passed(usize),
}

impl Page {
    /// Goes on as far as the window allows; `is_whole` says that nothing comes behind it.
    fn go_on(
        &mut self,
        window: &[u8],
        is_whole: bool,
        take: &mut impl FnMut(&Record<'_>) -> Option<()>,
    ) -> Result<Flow, PageError> {
        let marks = Marks::of(window);
        let mut scanner = Scanner::new(marks.marked());
        let mut record = Record::default();
        loop {
            let passed = scanner.position();
            let stepped = match self.place {
                Place::List => self.element(&mut scanner, &mut record),
                _ => self.step(&mut scanner)?.map(|()| false),
            };
            match stepped {
                Some(true) if take(&record).is_none() => return Ok(Flow::Stopped),
                Some(_) => {}
                None if is_whole => return self.end(&mut scanner),
                None => return Ok(Flow::Passed(passed)),
            }
        }
    }

    /// Passes what comes next outside the list; none if it is not all there, or flawed.
    fn step(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<()>, PageError> {
        if self.place == Place::Start && scanner.remaining().starts_with(MARK) {
            scanner.skip(MARK.len());
        }
        let Some(next) = scanner.peek() else {
            return Ok(None);
        };
        self.place = match (self.place, next) {
            (Place::Start, b'{') => Place::Opened,
            (Place::Start, _) => return Err(Flaw::NotAnObject.into()),
            (Place::Opened | Place::Passed, b'}') => Place::End,
            (Place::Passed, b',') => Place::Member,
            (Place::Opened | Place::Member, _) => return Ok(self.member(scanner)),
            (Place::Passed | Place::End | Place::List, _) => return Ok(None),
        };
        scanner.skip(1);
        Ok(Some(()))
    }

    fn member(&mut self, scanner: &mut Scanner<'_>) -> Option<()> {
        let key = scanner.key()?;
        if key.is("value") && scanner.take(b'[') {
            self.place = Place::List;
            return Some(());
        }
        let value = scanner.value()?;
        // The rest of a number may still come.
        scanner.peek()?;
        if key.is("value") {
            self.not_a_list |= !matches!(value.shape(), Shape::Null);
        } else if key.is("nextLink") {
            self.next_link = link(value);
        }
        self.place = Place::Passed;
        Some(())
    }

    /// Reads the next element of the list, if there is one. None if it is not all there.
    ///
    /// Where an element is broken, its brackets alone tell where it ends, so that it costs no other.
    fn element<'a>(&mut self, scanner: &mut Scanner<'a>, record: &mut Record<'a>) -> Option<bool> {
        while scanner.take(b',') {}
        match scanner.peek()? {
            b']' => {
                scanner.skip(1);
                self.place = Place::Passed;
                return Some(false);
            }
            b'{' => {
                let end = record.read_from(scanner.marked(), scanner.position());
                if record.flaw().is_none() {
                    scanner.return_to(end);
                    return Some(true);
                }
            }
            _ => {}
        }
        record.read_next(scanner.element()?);
        Some(true)
    }

    /// Judges a page that cannot be read on.
    fn end(&self, scanner: &mut Scanner<'_>) -> Result<Flow, PageError> {
        match self.place {
            Place::Start => Err(PageError::Empty),
            Place::End if scanner.end().is_some() && self.not_a_list => Err(PageError::NotAList),
            Place::End if scanner.end().is_some() => Ok(Flow::Ended),
            _ => Err(match scanner.flaw() {
                Flaw::CutOff(length) => Flaw::CutOff(self.before + length),
                Flaw::Unexpected(at) => Flaw::Unexpected(self.before + at),
                Flaw::NotAnObject => Flaw::NotAnObject,
            }
            .into()),
        }
    }
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
