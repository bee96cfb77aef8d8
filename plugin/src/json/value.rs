use super::Text;

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
    pub fn text(self) -> Option<Text<'a>> {
        match self {
            Value::Text(text) => text.trimmed(),
            _ => None,
        }
    }

    /// Whether there is nothing to say: no member, `null` or blank text.
    pub fn is_empty(self) -> bool {
        match self {
            Value::Missing | Value::Null => true,
            Value::Text(text) => text.trimmed().is_none(),
            _ => false,
        }
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
