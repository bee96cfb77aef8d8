use super::{NextLink, PageError};
use crate::json::{ContainerEnd, Scanner, Shape, StructuralIndex, SyntaxError, Value};
use crate::record::Record;

/// Byte order mark, which some gateways put before JSON.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A word for "no next page" that one client has met in place of a link.
const NONE: &str = "None";

/// So often brackets are followed to the end of a page in vain; then no more, so that time stays linear.
const MOST_UNCLOSED: u32 = 8;

/// The way through a page, window by window.
#[derive(Default)]
pub(super) struct Walk {
    place: Place,
    /// Where the next page is, as far as is known.
    pub(super) next_link: NextLink,
    /// What `value` is.
    list: List,
    /// There is an `error`.
    is_error: bool,
    /// How many bytes came before the window.
    pub(super) before: usize,
    /// Nothing comes behind the window.
    pub(super) is_whole: bool,
    /// How many broken elements have brackets that are not closed up to the end.
    unclosed: u32,
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

/// Whether there is a list of records.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum List {
    /// There is no `value`.
    #[default]
    Missing,
    /// It is null.
    Null,
    /// It is something else.
    Other,
    /// There is one.
    Met,
}

/// How the reading of a window ended.
pub(super) enum Flow {
    /// The page is over.
    Ended,
    /// Nobody wants more.
    Stopped,
    /// After so many bytes, what comes next is not there as a whole.
    Passed(usize),
}

impl Walk {
    /// Goes on as far as the window allows.
    // Not generic: it would be compiled for size, with whoever reads the page.
    #[inline(never)]
    pub(super) fn go_on(
        &mut self,
        window: &[u8],
        take: &mut dyn FnMut(&Record<'_>) -> Option<()>,
    ) -> Result<Flow, PageError> {
        let marks = StructuralIndex::of(window);
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
                None if self.is_whole => return self.end(&mut scanner),
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
            (Place::Start, _) => return Err(SyntaxError::NotAnObject.into()),
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
            self.list = List::Met;
            return Some(());
        }
        let value = scanner.value()?;
        // The rest of a number may still come.
        scanner.peek()?;
        if key.is("value") {
            self.list = match value.shape() {
                Shape::Null => List::Null,
                _ => List::Other,
            };
        } else if key.is("error") {
            self.is_error = !matches!(value.shape(), Shape::Null);
        } else if key.is("nextLink") {
            self.next_link = link(value);
        }
        self.place = Place::Passed;
        Some(())
    }

    /// Reads the next element of the list, if there is one. None if it is not all there.
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
                match record.error() {
                    None => {
                        scanner.return_to(end);
                        return Some(true);
                    }
                    Some(SyntaxError::CutOff(_)) if !self.is_whole => return None,
                    Some(_) => {}
                }
            }
            _ => {}
        }
        self.broken_element(scanner, record)
    }

    /// Reads an element that is no object, or a broken one: its brackets alone tell where it ends, so that it costs no
    /// other.
    #[cold]
    fn broken_element<'a>(&mut self, scanner: &mut Scanner<'a>, record: &mut Record<'a>) -> Option<bool> {
        if self.unclosed < MOST_UNCLOSED && matches!(scanner.peek(), Some(b'{' | b'[')) {
            match scanner.container() {
                ContainerEnd::Closed(element) => {
                    record.read_next(element);
                    return Some(true);
                }
                ContainerEnd::CutOff if !self.is_whole => return None,
                ContainerEnd::CutOff => self.unclosed += 1,
                ContainerEnd::Mismatched => {}
            }
        }
        record.read_next(scanner.element()?);
        Some(true)
    }

    /// Judges a page that cannot be read on.
    fn end(&self, scanner: &mut Scanner<'_>) -> Result<Flow, PageError> {
        match self.place {
            Place::Start => Err(PageError::Empty),
            Place::End if scanner.end().is_some() => match self.list {
                List::Other => Err(PageError::NotAList),
                // An answer of another kind. Taken for a page, it would stand for a time without events.
                List::Missing | List::Null => Err(PageError::NoPage),
                List::Met if self.is_error => Err(PageError::NoPage),
                List::Met => Ok(Flow::Ended),
            },
            _ => Err(match scanner.error() {
                SyntaxError::CutOff(length) => SyntaxError::CutOff(self.before + length),
                SyntaxError::Unexpected(at) => SyntaxError::Unexpected(self.before + at),
                SyntaxError::NotAnObject => SyntaxError::NotAnObject,
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
    if text.is_empty() || text == NONE {
        NextLink::End
    } else if scheme("https://") || scheme("http://") {
        NextLink::Url(text)
    } else {
        NextLink::Odd(text)
    }
}
