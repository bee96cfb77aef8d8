use crate::bytes::same_array;
use crate::kind::Kind;
use crate::text::hex4;
use crate::{DEEPEST, Marked, Member, Text, Value};

/// Walks over JSON text. Whatever passes something stops where it is flawed and returns none; [`Scanner::error`] then says
/// why. (A result with the reason in it would travel through memory for every value of a page.)
///
/// It is strict: what it accepts is valid JSON, save for control characters and halves of surrogate pairs inside strings,
/// which [`Text`] remembers so that writers repair them.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    marked: Marked<'a>,
    bytes: &'a [u8],
    position: usize,
    too_deep: bool,
    dirty: bool,
    blanks: bool,
}

/// Why some bytes are not JSON, or not the JSON asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The text ends inside a value.
    #[error("it is cut off after {0} bytes")]
    CutOff(usize),
    /// A byte that cannot stand where it stands.
    #[error("byte {0} is not valid JSON")]
    Unexpected(usize),
    /// Something other than an object.
    #[error("it is not a JSON object")]
    NotAnObject,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte.
    pub fn new(text: impl Into<Marked<'a>>) -> Self {
        let marked = text.into();
        Scanner {
            marked,
            bytes: marked.bytes(),
            position: 0,
            too_deep: false,
            dirty: false,
            blanks: false,
        }
    }

    /// Where the next byte is.
    pub fn position(&self) -> usize {
        self.position
    }

    /// All the bytes, also those passed.
    pub fn marked(&self) -> Marked<'a> {
        self.marked
    }

    /// The bytes not passed yet.
    #[inline(always)]
    pub fn remaining(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Passes bytes that the caller has looked at.
    pub fn skip(&mut self, count: usize) {
        self.position += count;
    }

    /// Whether anything passed so far was nested deeper than [`DEEPEST`].
    pub fn too_deep(&self) -> bool {
        self.too_deep
    }

    /// Whether any string passed so far needs repair before strict readers take it.
    pub fn dirty(&self) -> bool {
        self.dirty
    }

    /// Whether there were blanks between the tokens passed so far.
    pub fn blanks(&self) -> bool {
        self.blanks
    }

    /// The next byte that is not blank, without passing it.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.position) {
            // Nothing else is looked at in JSON as machines write it.
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_behind_blanks(),
        }
    }

    #[cold]
    fn peek_behind_blanks(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.blanks = true;
            self.position += 1;
        }
        None
    }

    /// Passes `byte` if it is the next one that is not blank.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.position += usize::from(taken);
        taken
    }

    /// Passes `byte`, or stops at another.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    /// Passes these bytes, or stops at others, blanks also.
    #[inline(always)]
    pub fn expect_all<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        let is_next = same_array(self.remaining().first_chunk()?, bytes);
        self.position += if is_next { N } else { 0 };
        is_next.then_some(())
    }

    /// Goes back to where it has been.
    pub fn return_to(&mut self, position: usize) {
        self.position = position;
    }

    /// Stops unless only blanks are left.
    pub fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// What is wrong at the present position, after something has stopped there.
    #[cold]
    pub fn error(&self) -> SyntaxError {
        if self.position >= self.bytes.len() {
            SyntaxError::CutOff(self.bytes.len())
        } else {
            SyntaxError::Unexpected(self.position)
        }
    }

    /// Goes through the members of the object that comes next. The visitor stands before each value, and must pass it.
    #[inline(always)]
    pub fn members(&mut self, mut visit: impl FnMut(&mut Self, Text<'a>) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let key = self.key()?;
            visit(self, key)?;
            if self.take(b'}') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    /// Passes an object and keeps its members, as far as they can be read.
    #[inline(never)]
    pub fn collect(&mut self, members: &mut Vec<Member<'a>>) -> Option<()> {
        self.members(|scanner, key| {
            let value = scanner.value()?;
            members.push(Member { key, value });
            Some(())
        })
    }

    /// Goes through the elements of the array that comes next, as `members` does.
    pub fn elements(&mut self, mut visit: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Some(());
        }
        loop {
            visit(self)?;
            if self.take(b']') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    /// The first element of the array that comes next.
    pub fn first_element(&mut self) -> Option<Value<'a>> {
        (self.take(b'[') && self.peek() != Some(b']'))
            .then(|| self.value())
            .flatten()
    }

    /// Passes one value.
    #[inline(always)]
    pub fn value(&mut self) -> Option<Value<'a>> {
        let opening = self.peek();
        let start = self.position;
        // One way to the result, so that it is made in registers.
        let (inside, outside, kind) = if opening == Some(b'"') {
            let kind = self.pass_string()?;
            (start + 1, self.position - 1, kind)
        } else {
            let kind = self.pass_other()?;
            (start, self.position, kind)
        };
        Some(Value::new(&self.bytes[inside..outside], kind))
    }

    /// Passes a value that is no string.
    #[inline(never)]
    fn pass_other(&mut self) -> Option<Kind> {
        match self.peek() {
            Some(b'{') => self.pass_container().map(|()| Kind::Object),
            Some(b'[') => self.pass_container().map(|()| Kind::Array),
            _ => self.pass_scalar(),
        }
    }

    /// Passes a member's name and the colon.
    #[inline(always)]
    pub fn key(&mut self) -> Option<Text<'a>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let key = self.string()?;
        self.expect(b':')?;
        Some(key)
    }

    /// Passes a string; the next byte is its opening quote.
    #[inline(always)]
    pub fn string(&mut self) -> Option<Text<'a>> {
        let start = self.position + 1;
        let kind = self.pass_string()?;
        Some(Text::new(&self.bytes[start..self.position - 1], kind))
    }

    #[inline(always)]
    fn pass_string(&mut self) -> Option<Kind> {
        let start = self.position + 1;
        let at = start + self.marked.clear(start);
        // Most strings hold nothing to stop at, and are short.
        if self.bytes.get(at) == Some(&b'"') {
            self.position = at + 1;
            return Some(Kind::Plain);
        }
        self.pass_rest_of_string(at)
    }

    /// Passes what is left of a string from `at` on, and says what that makes of it.
    #[inline(never)]
    fn pass_rest_of_string(&mut self, mut at: usize) -> Option<Kind> {
        let mut kind = Kind::Plain;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let (length, escape) = self.escape(at)?;
                    at += length;
                    kind = kind.max(escape);
                }
                Some(0..=0x1f) => {
                    kind = Kind::Dirty;
                    at += 1;
                }
                Some(_) => at += 1,
                None => {
                    self.position = self.bytes.len();
                    return None;
                }
            }
            at += self.marked.clear(at);
        }
        self.position = at + 1;
        self.dirty |= kind == Kind::Dirty;
        Some(kind)
    }

    /// Judges the escape that starts at `at`: its length, and what it makes of the string.
    #[inline(always)]
    fn escape(&mut self, at: usize) -> Option<(usize, Kind)> {
        match self.bytes.get(at + 1) {
            // By far the most frequent: JSON inside a string.
            Some(b'"') => Some((2, Kind::Escaped)),
            Some(b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Some((2, Kind::Escaped)),
            Some(b'u') => self.unicode_escape(at),
            _ => {
                self.position = at + 1;
                None
            }
        }
    }

    #[cold]
    fn unicode_escape(&mut self, at: usize) -> Option<(usize, Kind)> {
        let Some(unit) = hex4(&self.bytes[at + 2..]) else {
            self.position = at + 2;
            return None;
        };
        let second = || {
            let rest = self.bytes[at + 6..].strip_prefix(b"\\u")?;
            hex4(rest).filter(|low| (0xdc00..=0xdfff).contains(low))
        };
        Some(match unit {
            0xd800..=0xdbff if second().is_some() => (12, Kind::Escaped),
            0xd800..=0xdfff => (6, Kind::Dirty),
            _ => (6, Kind::Escaped),
        })
    }

    /// Passes `null`, `true`, `false` or a number.
    fn pass_scalar(&mut self) -> Option<Kind> {
        let start = self.position;
        let rest = &self.bytes[start..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'));
        let word = &rest[..length.unwrap_or(rest.len())];
        let kind = match word {
            b"null" => Kind::Null,
            b"true" => Kind::True,
            b"false" => Kind::False,
            _ if is_number(word) => Kind::Number,
            _ => return None,
        };
        self.position += word.len();
        Some(kind)
    }

    /// Passes a whole object or array; the next byte opens it.
    fn pass_container(&mut self) -> Option<()> {
        let mut nesting = Nesting::default();
        loop {
            let opened = match self.peek() {
                Some(b'{') => self.open(b'}', &mut nesting)?,
                Some(b'[') => self.open(b']', &mut nesting)?,
                Some(b'"') => self.string().map(|_| false)?,
                _ => self.pass_scalar().map(|_| false)?,
            };
            if opened {
                continue;
            }
            loop {
                let Some(in_object) = nesting.innermost() else {
                    return Some(());
                };
                if self.take(b',') {
                    if in_object {
                        self.key()?;
                    }
                    break;
                }
                self.expect(if in_object { b'}' } else { b']' })?;
                nesting.leave();
            }
        }
    }

    /// Passes an opening bracket; if the container is empty, the closing one too. Says whether a value comes next.
    fn open(&mut self, closing: u8, nesting: &mut Nesting) -> Option<bool> {
        self.position += 1;
        self.too_deep |= nesting.depth() >= DEEPEST;
        if self.take(closing) {
            return Some(false);
        }
        nesting.enter(closing == b'}');
        if closing == b'}' {
            self.key()?;
        }
        Some(true)
    }
}

fn is_number(word: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

/// Which brackets are open: one bit each, so that depth costs memory by the byte and no stack at all.
#[derive(Default)]
struct Nesting {
    open: Vec<u64>,
    last: u64,
    depth: usize,
}

impl Nesting {
    fn enter(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.open.push(self.last);
        }
        self.last = self.last << 1 | u64::from(object);
        self.depth += 1;
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.last >>= 1;
        if self.depth.is_multiple_of(64) {
            self.last = self.open.pop().unwrap_or(0);
        }
    }

    /// Whether the innermost open bracket is an object's; none when all are closed.
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.last & 1 == 1)
    }

    fn depth(&self) -> usize {
        self.depth
    }
}
