use memchr::memchr;

use crate::{Scanner, Text, Value};

/// How much of a text is searched: bodies of requests are cut off by Azure far below it.
const MOST_SEARCHED: usize = 64 * 1024;

/// The members with plain values at any depth of some JSON text, in order, found without reading it as a whole: the
/// text may be cut off or damaged. A member that holds an object or a list comes as [`Value::MISSING`], before its
/// contents.
#[derive(Debug)]
pub struct Pairs<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Pairs<'a> {
    /// Searches `text`, or its first 64 KiB.
    pub fn new(text: &'a [u8]) -> Self {
        Pairs {
            scanner: Scanner::new(&text[..text.len().min(MOST_SEARCHED)]),
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let gap = memchr(b'"', self.scanner.remaining())?;
            self.scanner.skip(gap);
            let key = self.scanner.string()?;
            if !self.scanner.take(b':') {
                continue;
            }
            let value = match self.scanner.peek() {
                Some(b'{' | b'[') | None => Value::MISSING,
                Some(_) => self.scanner.value().unwrap_or_default(),
            };
            return Some((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn members_are_found_at_any_depth_also_in_damaged_text() {
        let found = |text: &'static str| -> Vec<String> {
            Pairs::new(text.as_bytes())
                .map(|(key, value)| match value.shape() {
                    Shape::Text(text) => format!("{}={}", key.to_str(), text.to_str()),
                    Shape::Missing => format!("{}>", key.to_str()),
                    other => format!("{}={other:?}", key.to_str()),
                })
                .collect()
        };
        for (text, expected) in [
            (
                r#"{"a":{"b":"c"},"d":[{"e":true}]}"#,
                vec!["a>", "b=c", "d>", "e=Bool(true)"],
            ),
            (r#"{"a":{"b":"c"},"d":"cut o"#, vec!["a>", "b=c", "d>"]),
            (r#"["x","y"] "a" : nonsense, "b":null"#, vec!["a>", "b=Null"]),
            ("", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
