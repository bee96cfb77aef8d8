use std::borrow::Cow;

use crate::bytes;
use crate::chunk::{self, WIDTH};
use crate::kind::Kind;

/// The inside of a JSON string as received: a span of the input between the quotes, still escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    /// That of a string.
    kind: Kind,
}

impl<'a> Text<'a> {
    pub(crate) fn new(raw: &'a [u8], kind: Kind) -> Self {
        Text { raw, kind }
    }

    /// A text that needs no escapes, for constants.
    pub const fn constant(text: &'static str) -> Text<'static> {
        Text {
            raw: text.as_bytes(),
            kind: Kind::Plain,
        }
    }

    /// A text known to need no escapes, for example the digits of a number.
    pub fn plain(raw: &'a [u8]) -> Self {
        Text {
            raw,
            kind: Kind::Plain,
        }
    }

    /// The bytes between the quotes, as received.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Whether the bytes can stand in a JSON string as they are.
    pub fn copies(self) -> bool {
        self.kind != Kind::Dirty
    }

    /// Whether the bytes are what they mean.
    pub fn is_plain(self) -> bool {
        self.kind == Kind::Plain
    }

    /// Whether it holds something that strict readers refuse: control characters or half a surrogate pair.
    pub fn is_dirty(self) -> bool {
        self.kind == Kind::Dirty
    }

    /// Without blanks around it; none when nothing is left.
    #[inline]
    pub fn trimmed(self) -> Option<Self> {
        // Hardly any text has blanks around it.
        let raw = match (self.raw.first(), self.raw.last()) {
            (Some(b'!'..), Some(b'!'..)) | (None, _) => self.raw,
            _ => without_blanks(self.raw),
        };
        (!raw.is_empty()).then_some(Text { raw, kind: self.kind })
    }

    /// The bytes from `start` up to `end`, blanks around them aside; none when nothing is left. Neither place may be inside
    /// an escape.
    pub fn part(self, start: usize, end: usize) -> Option<Self> {
        let raw = self.raw.get(start..end)?;
        Text { raw, kind: self.kind }.trimmed()
    }

    /// The meaning, as bytes that should be UTF-8. Halves of surrogate pairs become U+FFFD.
    pub fn decoded(self) -> Cow<'a, [u8]> {
        if self.is_plain() {
            Cow::Borrowed(self.raw)
        } else {
            Cow::Owned(decode(self.raw))
        }
    }

    /// The meaning as text; what is not UTF-8 becomes U+FFFD.
    pub fn to_str(self) -> Cow<'a, str> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self.decoded() {
            Cow::Borrowed(bytes) => {
                simdutf8::basic::from_utf8(bytes).map_or_else(|_| Cow::Owned(lossy(bytes)), Cow::Borrowed)
            }
            Cow::Owned(bytes) => {
                Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes())))
            }
        }
    }

    /// Equality by meaning, letter case aside.
    #[inline(always)]
    pub fn is(self, text: &str) -> bool {
        // Most comparisons end at the length, where a call would be most of their cost.
        (self.raw.len() == text.len() || !self.is_plain()) && self.means(text.as_bytes())
    }

    /// Which of some names it is.
    #[inline(never)]
    pub fn place_among(self, names: &[&str]) -> Option<usize> {
        names.iter().position(|name| self.is(name))
    }

    #[inline(never)]
    fn means(self, text: &[u8]) -> bool {
        if self.is_plain() {
            bytes::same_letters(self.raw, text)
        } else {
            decoded_means(self.raw, text)
        }
    }
}

/// A function of bytes: if it took and returned a text, every text would go through memory.
#[cold]
fn without_blanks(raw: &[u8]) -> &[u8] {
    raw.trim_ascii()
}

/// Equality of escaped text with plain text, letter case aside.
#[cold]
fn decoded_means(raw: &[u8], text: &[u8]) -> bool {
    decode(raw).eq_ignore_ascii_case(text)
}

fn decode(raw: &[u8]) -> Vec<u8> {
    // Whole chunks are stored, and what lies behind the next escape is overwritten: escapes come so often in JSON text
    // that each call counts.
    let mut decoded = vec![0; raw.len() + WIDTH];
    let (mut from, mut to) = (0, 0);
    while from < raw.len() {
        if let (Some(piece), Some(target)) = (chunk::at(raw, from), decoded[to..].first_chunk_mut()) {
            *target = *piece;
            let plain = chunk::first_backslash(piece);
            from += plain;
            to += plain;
            if plain == WIDTH {
                continue;
            }
        } else if raw[from] != b'\\' {
            decoded[to] = raw[from];
            from += 1;
            to += 1;
            continue;
        }
        let Some(&kind) = raw.get(from + 1) else {
            break;
        };
        from += 2;
        decoded[to] = match kind {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, used) = unicode(&raw[from..]);
                from += used;
                decoded.resize(decoded.len() + character.len_utf8(), 0);
                to += character.encode_utf8(&mut decoded[to..]).len();
                continue;
            }
            other => other,
        };
        to += 1;
    }
    decoded.truncate(to);
    decoded
}

/// Reads what follows `\u`: the character, and how many bytes it took (the second half of a pair included).
fn unicode(rest: &[u8]) -> (char, usize) {
    let Some(first) = hex4(rest) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if let Some(character) = char::from_u32(first) {
        return (character, 4);
    }
    let second = rest
        .get(4..6)
        .filter(|&escape| escape == b"\\u")
        .and_then(|_| hex4(&rest[6..]));
    match second {
        Some(second @ 0xdc00..=0xdfff) if first < 0xdc00 => {
            let scalar = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 10)
        }
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

/// Four hexadecimal digits at the start of `bytes`.
pub(crate) fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0, |value, &digit| {
        Some(value << 4 | char::from(digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_halves_of_pairs_replaced() {
        for (raw, expected) in [
            (r"plain", "plain"),
            (r#"a\"b\\c\/d"#, r#"a"b\c/d"#),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"\u00e9\ud83d\ude00", "é😀"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ude00", "\u{fffd}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
        ] {
            let text = Text::new(raw.as_bytes(), Kind::Escaped);
            assert_eq!(text.to_str(), expected, "{raw}");
        }
    }
}
