use crate::Text;

/// One JSON value as received. Containers are spans, opened only where somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Value<'a> {
    /// There is no such member.
    #[default]
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

impl<'a> Value<'a> {
    /// The text of a string that is not blank.
    #[inline(always)]
    pub fn text(self) -> Option<Text<'a>> {
        match self {
            Value::Text(text) => text.trimmed(),
            _ => None,
        }
    }

    /// Whether there is nothing to say: no member, `null`, blank text, `{}` or `[]`.
    #[inline]
    pub fn says_nothing(self) -> bool {
        match self {
            Value::Text(text) => text.trimmed().is_none(),
            Value::Missing | Value::Null => true,
            Value::Object(raw) | Value::Array(raw) => raw[1..raw.len() - 1].trim_ascii().is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The value of a number written as one, or as text, if it is a whole one that is not negative.
    pub fn whole_number(self) -> Option<u64> {
        let digits = match self {
            Value::Number(digits) => digits,
            Value::Text(text) => text.raw().trim_ascii(),
            _ => return None,
        };
        std::str::from_utf8(digits).ok()?.parse().ok()
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
