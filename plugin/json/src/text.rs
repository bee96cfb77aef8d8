use std::borrow::Cow;

use crate::chunk::{self, WIDTH};
use crate::copy::ends;

/// The inside of a JSON string as received: a span of the input between the quotes, still escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    form: Form,
}

/// What copying a text into another JSON string takes. Ordered: the later ones need more care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// No escapes: the bytes are what they mean.
    Plain,
    /// Valid escapes: copied as it stands, decoded for reading.
    Escaped,
    /// Control characters or halves of surrogate pairs, which many readers refuse: decoded, then escaped again.
    Dirty,
}

impl<'a> Text<'a> {
    pub(crate) fn new(raw: &'a [u8], form: Form) -> Self {
        Text { raw, form }
    }

    /// A text that needs no escapes, for constants.
    pub const fn constant(text: &'static str) -> Text<'static> {
        Text {
            raw: text.as_bytes(),
            form: Form::Plain,
        }
    }

    /// A text known to need no escapes, for example the digits of a number.
    pub fn plain(raw: &'a [u8]) -> Self {
        Text {
            raw,
            form: Form::Plain,
        }
    }

    /// The bytes between the quotes, as received.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Whether the bytes can stand in a JSON string as they are.
    pub fn copies(self) -> bool {
        self.form != Form::Dirty
    }

    /// Whether the bytes are what they mean.
    pub fn is_plain(self) -> bool {
        self.form == Form::Plain
    }

    /// Whether it holds something that strict readers refuse: control characters or half a surrogate pair.
    pub fn is_dirty(self) -> bool {
        self.form == Form::Dirty
    }

    /// Without blanks around it; none when nothing is left.
    #[inline]
    pub fn trimmed(self) -> Option<Self> {
        // Hardly any text has blanks around it.
        if let (Some(b'!'..), Some(b'!'..)) = (self.raw.first(), self.raw.last()) {
            return Some(self);
        }
        self.without_blanks()
    }

    #[cold]
    fn without_blanks(self) -> Option<Self> {
        let raw = self.raw.trim_ascii();
        (!raw.is_empty()).then_some(Text { raw, form: self.form })
    }

    /// The meaning, as bytes that should be UTF-8. Halves of surrogate pairs become U+FFFD.
    pub fn decoded(self) -> Cow<'a, [u8]> {
        match self.form {
            Form::Plain => Cow::Borrowed(self.raw),
            Form::Escaped | Form::Dirty => Cow::Owned(decode(self.raw)),
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
        // Most comparisons end at the length or the first letter, where a call would be most of their cost.
        match self.form {
            Form::Plain => {
                let text = text.as_bytes();
                self.raw.len() == text.len() && same_first(self.raw, text) && same_word(self.raw, text)
            }
            Form::Escaped | Form::Dirty => means(self.raw, text.as_bytes()),
        }
    }
}

/// Equality of escaped text with plain text, letter case aside.
#[cold]
fn means(raw: &[u8], text: &[u8]) -> bool {
    decode(raw).eq_ignore_ascii_case(text)
}

fn decode(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len() + WIDTH);
    let mut rest = raw;
    loop {
        // Whole chunks are taken and then cut: escapes come so often in JSON text that each call counts.
        while let Some(piece) = rest.first_chunk::<WIDTH>() {
            let plain = chunk::first_backslash(piece);
            let length = decoded.len() + plain;
            decoded.extend_from_slice(piece);
            decoded.truncate(length);
            rest = &rest[plain..];
            if plain < WIDTH {
                break;
            }
        }
        let Some(at) = rest.iter().position(|&byte| byte == b'\\') else {
            break;
        };
        decoded.extend_from_slice(&rest[..at]);
        let Some((&kind, after)) = rest[at + 1..].split_first() else {
            return decoded;
        };
        rest = after;
        match kind {
            b'b' => decoded.push(0x08),
            b'f' => decoded.push(0x0c),
            b'n' => decoded.push(b'\n'),
            b'r' => decoded.push(b'\r'),
            b't' => decoded.push(b'\t'),
            b'u' => {
                let (character, used) = unicode(rest);
                let mut buffer = [0; 4];
                decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = &rest[used..];
            }
            other => decoded.push(other),
        }
    }
    decoded.extend_from_slice(rest);
    decoded
}

/// Whether the first letters are alike but for the bit that tells upper from lower case.
#[inline(always)]
fn same_first(one: &[u8], other: &[u8]) -> bool {
    match (one.first(), other.first()) {
        (Some(one), Some(other)) => one | 0x20 == other | 0x20,
        _ => true,
    }
}

/// Equality of words of one length, letter case aside. Most that differ do so at an end, and most of the others are the
/// very same bytes.
fn same_word(one: &[u8], other: &[u8]) -> bool {
    similar_ends(one, other) && (same_bytes(one, other) || one.eq_ignore_ascii_case(other))
}

/// Whether the ends of words of one length, where they have some, are alike but for the bits of the letter case.
fn similar_ends(one: &[u8], other: &[u8]) -> bool {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let similar =
        |one: &[u8; 8], other: &[u8; 8]| u64::from_le_bytes(*one) | CASE == u64::from_le_bytes(*other) | CASE;
    match (ends(one), ends(other)) {
        (Some(one), Some(other)) => similar(one.0, other.0) && similar(one.1, other.1),
        _ => true,
    }
}

/// Equality of byte strings of one length, by words, the last of which overlaps: for short ones faster than the general
/// routine, which goes byte by byte on WebAssembly.
fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    if let (Some(ends_of_one), Some(ends_of_other)) = (ends::<8>(one), ends::<8>(other)) {
        let ((words, _), (others, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
        return ends_of_one.1 == ends_of_other.1 && words.iter().zip(others).all(|(one, other)| one == other);
    }
    match (ends::<4>(one), ends::<4>(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
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
    use proptest::prelude::*;

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
            let text = Text::new(raw.as_bytes(), Form::Escaped);
            assert_eq!(text.to_str(), expected, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn words_are_equal_letter_case_aside(one in "[abAB@`]{0,20}", seed in any::<u32>(), place in any::<prop::sample::Index>()) {
            let swap = |(at, letter): (usize, u8)| if seed >> at & 1 == 1 { letter ^ 0x20 } else { letter };
            let mut other: Vec<u8> = one.bytes().enumerate().map(swap).collect();
            if seed % 3 == 0 && !other.is_empty() {
                let at = place.index(other.len());
                other[at] = b'c';
            }
            prop_assert_eq!(same_word(one.as_bytes(), &other), one.as_bytes().eq_ignore_ascii_case(&other));
        }
    }
}
