use std::borrow::Cow;

use memchr::memchr;

use crate::escaped::Escaped;
use crate::{Scanner, Shape, Text, Value};

/// How much of a text is searched: bodies of requests are cut off by Azure far below it.
const MOST_SEARCHED: usize = 64 * 1024;

/// JSON text that is the meaning of a string, to be searched for members.
#[derive(Debug)]
pub struct Embedded<'a>(Form<'a>);

#[derive(Debug)]
enum Form<'a> {
    /// As received: each quote in it is escaped, and nothing else, which is how most is written.
    Escaped(Escaped<'a>),
    /// Any other, decoded.
    Decoded(Cow<'a, [u8]>),
}

impl<'a> Embedded<'a> {
    /// Takes the meaning of a string.
    pub fn new(text: Text<'a>) -> Self {
        let may_be_escaped = !text.is_plain() && !text.is_dirty() && text.raw().len() <= MOST_SEARCHED;
        let escaped = may_be_escaped.then(|| Escaped::new(text.raw())).flatten();
        Embedded(escaped.map_or_else(|| Form::Decoded(text.decoded()), Form::Escaped))
    }

    /// Takes JSON text, or what it means.
    pub fn in_value(value: Value<'a>) -> Option<Self> {
        match value.shape() {
            Shape::Object(raw) | Shape::Array(raw) => Some(Embedded(Form::Decoded(Cow::Borrowed(raw)))),
            _ => value.text().map(Embedded::new),
        }
    }

    /// The members with plain values at any depth, in order, found without reading the text as a whole: it may be cut off
    /// or damaged. Of long text, the first 64 KiB are searched. A member that holds an object or a list comes as
    /// [`Value::MISSING`], before its contents.
    pub fn pairs(&self) -> impl Iterator<Item = (Text<'_>, Value<'_>)> {
        let (mut escaped, mut scanner) = match &self.0 {
            Form::Escaped(escaped) => (Some(escaped.clone()), Scanner::new(&[][..])),
            Form::Decoded(text) => (None, Scanner::new(&text[..text.len().min(MOST_SEARCHED)])),
        };
        std::iter::from_fn(move || match &mut escaped {
            Some(escaped) => escaped.pair(),
            None => pair(&mut scanner),
        })
    }

    /// For each name the first text that is not blank among the members of that name, whatever its letter case.
    pub fn first_texts<const N: usize>(&self, names: [&str; N]) -> [Option<Cow<'a, [u8]>>; N] {
        match &self.0 {
            Form::Escaped(escaped) => {
                let mut escaped = escaped.clone();
                let found = first_texts(std::iter::from_fn(|| escaped.pair()), names);
                found.map(|text| text.map(Text::decoded))
            }
            Form::Decoded(_) => {
                let found = first_texts(self.pairs(), names);
                found.map(|text| text.map(|text| Cow::Owned(text.decoded().into_owned())))
            }
        }
    }
}

fn first_texts<'a, const N: usize>(
    pairs: impl Iterator<Item = (Text<'a>, Value<'a>)>,
    names: [&str; N],
) -> [Option<Text<'a>>; N] {
    let mut found = [None; N];
    for (key, value) in pairs {
        if let Some(place) = names.iter().position(|name| key.is(name)) {
            found[place] = found[place].or(value.text());
        }
    }
    found
}

/// The next member.
fn pair<'a>(scanner: &mut Scanner<'a>) -> Option<(Text<'a>, Value<'a>)> {
    loop {
        let gap = memchr(b'"', scanner.remaining())?;
        scanner.skip(gap);
        let key = scanner.string()?;
        if !scanner.take(b':') {
            continue;
        }
        let value = match scanner.peek() {
            Some(b'{' | b'[') | None => Value::MISSING,
            Some(_) => scanner.value().unwrap_or_default(),
        };
        return Some((key, value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kind::Kind;

    fn found(raw: &str, kind: Kind) -> Vec<String> {
        Embedded::new(Text::new(raw.as_bytes(), kind))
            .pairs()
            .map(|(key, value)| match value.shape() {
                Shape::Text(text) => format!("{}={}", key.to_str(), text.to_str()),
                Shape::Missing => format!("{}>", key.to_str()),
                other => format!("{}={other:?}", key.to_str()),
            })
            .collect()
    }

    #[test]
    fn members_are_found_at_any_depth_also_in_damaged_text() {
        for (text, expected) in [
            (
                r#"{"a":{"b":"c"},"d":[{"e":true}]}"#,
                vec!["a>", "b=c", "d>", "e=Bool(true)"],
            ),
            (r#"{"a":{"b":"c"},"d":"cut o"#, vec!["a>", "b=c", "d>"]),
            (r#"["x","y"] "a" : nonsense, "b":null"#, vec!["a>", "b=Null"]),
            (r#""a" : "b" "c":"#, vec!["a=b", "c>"]),
            ("", vec![]),
        ] {
            assert_eq!(found(text, Kind::Plain), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_has_the_members_of_the_decoded_one(
            text in r#"(\{|\}|\[|\]|[:, ]|"|"[a-z]{0,20}"|"[a-z]{1,3}":|"[a-z]{1,3}" ?: ?"[a-z]{0,40}",|true|-1.5|x|é|\\|\n){0,40}"#,
        ) {
            let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
            prop_assert_eq!(found(&escaped, Kind::Escaped), found(&text, Kind::Plain));
        }
    }
}
