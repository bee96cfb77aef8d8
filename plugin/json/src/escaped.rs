use crate::chunk::{self, BLOCK, WIDTH};
use crate::kind::Kind;
use crate::{Scanner, Text, Value};

/// Text in which each quote is escaped and nothing else, to be searched without decoding it. Between two members it is
/// inside the next string.
#[derive(Debug, Clone)]
pub struct Escaped<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Escaped<'a> {
    /// Starts at the first string. None if something else is escaped too.
    pub fn new(text: &'a [u8]) -> Option<Self> {
        if !only_quotes_are_escaped(text) {
            return None;
        }
        let mut escaped = Escaped { text, at: 0 };
        escaped.up_to_quote();
        Some(escaped)
    }

    /// The next member, as it would be found in the decoded text.
    pub fn pair(&mut self) -> Option<(Text<'a>, Value<'a>)> {
        loop {
            let key = self.up_to_quote()?;
            // As machines write it.
            if self.take(br#":\""#) {
                return Some((Text::plain(key), self.string().unwrap_or_default()));
            }
            let rest = &self.text[self.at..];
            let between = self.up_to_quote();
            let Some(start) = behind_colon(between.unwrap_or(rest)) else {
                between?;
                continue;
            };
            let value = match start.first() {
                Some(b'{' | b'[') => Value::MISSING,
                Some(_) => Scanner::new(start).value().unwrap_or_default(),
                None => between.and_then(|_| self.string()).unwrap_or_default(),
            };
            return Some((Text::plain(key), value));
        }
    }

    /// Passes the rest of a string and what follows it, up to the next string.
    fn string(&mut self) -> Option<Value<'a>> {
        let inside = self.up_to_quote()?;
        if !self.take(br#",\""#) {
            self.up_to_quote();
        }
        Some(Value::new(inside, Kind::Plain))
    }

    /// Passes these bytes, if they come next.
    #[inline(always)]
    fn take(&mut self, bytes: &[u8; 3]) -> bool {
        let taken = self.text.get(self.at..).and_then(<[u8]>::first_chunk) == Some(bytes);
        self.at += if taken { bytes.len() } else { 0 };
        taken
    }

    /// Passes the next quote and tells what is before it. If there is none, nothing is passed.
    #[inline(always)]
    fn up_to_quote(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut at = start;
        while let Some(piece) = chunk::at(self.text, at) {
            let plain = chunk::first_backslash(piece);
            at += plain;
            if plain < WIDTH {
                self.at = at + 2;
                return self.text.get(start..at);
            }
        }
        at += self.text.get(at..)?.iter().position(|byte| *byte == b'\\')?;
        self.at = at + 2;
        self.text.get(start..at)
    }
}

/// What follows the colon, blanks aside; none where something else comes first.
fn behind_colon(between: &[u8]) -> Option<&[u8]> {
    let rest = between.trim_ascii_start().strip_prefix(b":")?;
    Some(rest.trim_ascii_start())
}

/// Whether each quote is escaped, and nothing else.
fn only_quotes_are_escaped(raw: &[u8]) -> bool {
    let (blocks, rest) = raw.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let mut escaped = 0;
    blocks.iter().chain([&last]).all(|block| {
        let backslashes = chunk::backslashes(block);
        let expected = escaped | backslashes << 1;
        escaped = backslashes >> (BLOCK - 1);
        chunk::quotes(block) == expected
    })
}
