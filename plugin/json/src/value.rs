use crate::Text;
use crate::kind::Kind;

/// One JSON value as received. Containers are spans, opened only where somebody asks.
///
/// Kept as a span and a word rather than as [`Shape`]: compilers copy an enum with payloads byte by byte around its tag,
/// and reading that back whole stalls the processor for each value of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    raw: &'a [u8],
    kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// There is no such member.
    Missing,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as written.
    Number(&'a [u8]),
    /// A string.
    Text(Text<'a>),
    /// `{…}`, brackets included.
    Object(&'a [u8]),
    /// `[…]`, brackets included.
    Array(&'a [u8]),
}

impl Value<'_> {
    /// There is no such member.
    pub const MISSING: Value<'static> = Value {
        raw: &[],
        kind: Kind::Missing,
    };
}

impl<'a> Value<'a> {
    pub(crate) fn new(raw: &'a [u8], kind: Kind) -> Self {
        Value { raw, kind }
    }

    /// What it is.
    #[inline(always)]
    pub fn shape(self) -> Shape<'a> {
        match self.kind {
            Kind::Missing => Shape::Missing,
            Kind::Null => Shape::Null,
            Kind::False => Shape::Bool(false),
            Kind::True => Shape::Bool(true),
            Kind::Number => Shape::Number(self.raw),
            Kind::Plain | Kind::Escaped | Kind::Dirty => Shape::Text(Text::new(self.raw, self.kind)),
            Kind::Object => Shape::Object(self.raw),
            Kind::Array => Shape::Array(self.raw),
        }
    }

    /// The text of a string that is not blank.
    #[inline(always)]
    pub fn text(self) -> Option<Text<'a>> {
        if self.kind < Kind::Plain {
            return None;
        }
        Text::new(self.raw, self.kind).trimmed()
    }

    /// Whether there is nothing to say: no member, `null`, blank text, `{}` or `[]`.
    #[inline(always)]
    pub fn says_nothing(self) -> bool {
        let is_usual = self.kind >= Kind::Plain && matches!(self.raw.first(), Some(b'!'..));
        !is_usual && says_nothing(self.raw, self.kind)
    }

    /// The value of a number written as one, or as text, if it is a whole one that is not negative.
    pub fn whole_number(self) -> Option<u64> {
        let digits = match self.shape() {
            Shape::Number(digits) => digits,
            Shape::Text(text) => text.raw().trim_ascii(),
            _ => return None,
        };
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

#[inline(never)]
fn says_nothing(raw: &[u8], kind: Kind) -> bool {
    match (Value { raw, kind }).shape() {
        Shape::Text(text) => text.trimmed().is_none(),
        Shape::Missing | Shape::Null => true,
        Shape::Object(raw) | Shape::Array(raw) => raw[1..raw.len() - 1].trim_ascii().is_empty(),
        Shape::Bool(_) | Shape::Number(_) => false,
    }
}

impl Default for Value<'_> {
    fn default() -> Self {
        Value::MISSING
    }
}

/// One member of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name.
    pub key: Text<'a>,
    /// Its value.
    pub value: Value<'a>,
}
