//! Sixty-four bytes at a time: where a container ends, by its strings and brackets alone.

use crate::chunk::{self, Chunk, WIDTH};
use crate::marks::BLOCK;

/// The length of the container that `bytes` start with. None if it is none, is cut off, nests deeper than 64 levels, or
/// a bracket in it closes one of the other kind: whoever asks then has to look byte by byte. `stops` gets the marks of
/// each block looked at (see [`Marked`](crate::Marked)).
pub fn container_length(bytes: &[u8], stops: &mut Vec<u64>) -> Option<usize> {
    if !matches!(bytes.first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut open = Kinds::default();
    let mut strings = Strings::default();
    let mut start = 0;
    loop {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let mut last = [0; BLOCK];
        let block = rest.first_chunk::<BLOCK>().unwrap_or_else(|| {
            last[..rest.len()].copy_from_slice(rest);
            &last
        });
        let marks = marks(block);
        stops.push(marks.stops);
        let only_quotes = marks.stops == marks.quotes;
        let backslashes = if only_quotes { 0 } else { backslashes(block) };
        let outside = !strings.inside(marks.quotes, backslashes);
        let mut brackets = marks.brackets & outside;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            match block[at % BLOCK] {
                b'{' => open.enter(true)?,
                b'[' => open.enter(false)?,
                b'}' => open.leave(true)?,
                b']' => open.leave(false)?,
                // A letter that looks like a bracket, outside of strings: the record is damaged, which is no matter here.
                _ => {}
            }
            if open.is_empty() {
                return Some(start + at + 1);
            }
            brackets &= brackets - 1;
        }
        start += BLOCK;
    }
}

/// As [`chunk::Marks`], for a block.
#[derive(Default)]
struct Marks {
    quotes: u64,
    stops: u64,
    brackets: u64,
}

#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> Marks {
    let mut marks = Marks::default();
    let (chunks, _): (&[Chunk], _) = block.as_chunks::<WIDTH>();
    for (index, chunk) in chunks.iter().enumerate() {
        let found = chunk::marks(chunk);
        let at = index * WIDTH;
        marks.quotes |= u64::from(found.quotes) << at;
        marks.stops |= u64::from(found.stops) << at;
        marks.brackets |= u64::from(found.brackets) << at;
    }
    marks
}

/// Few blocks have any.
fn backslashes(block: &[u8; BLOCK]) -> u64 {
    let (chunks, _): (&[Chunk], _) = block.as_chunks::<WIDTH>();
    let backslashes = chunks
        .iter()
        .rev()
        .map(|chunk| u64::from(chunk::backslashes(chunk)));
    backslashes.fold(0, |backslashes, chunk| backslashes << WIDTH | chunk)
}

/// What a block has to know of the one before.
#[derive(Default)]
struct Strings {
    /// All ones when the block starts inside a string.
    inside: u64,
    /// Whether the first byte is escaped.
    escaped: bool,
}

impl Strings {
    /// Which bytes lie in strings, the opening quote included.
    #[inline(always)]
    fn inside(&mut self, quotes: u64, backslashes: u64) -> u64 {
        let quotes = if backslashes == 0 && !self.escaped {
            quotes
        } else {
            quotes & !self.escaped(backslashes)
        };
        // Each bit becomes the parity of the quotes up to it (Langdale and Lemire, Parsing Gigabytes of JSON, 3.1.1).
        let mut parity = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            parity ^= parity << shift;
        }
        let inside = parity ^ self.inside;
        self.inside = (inside.cast_signed() >> 63).cast_unsigned();
        inside
    }

    /// Which bytes have a backslash before them that counts.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        let mut escaped = u64::from(self.escaped);
        let mut rest = backslashes & !escaped;
        self.escaped = false;
        while rest != 0 {
            let at = rest.trailing_zeros();
            if at == u64::BITS - 1 {
                self.escaped = true;
                break;
            }
            escaped |= 2 << at;
            rest &= !(3 << at);
        }
        escaped
    }
}

/// The kinds of the open containers, the innermost in the lowest bit.
#[derive(Default)]
struct Kinds {
    braces: u64,
    depth: u32,
}

impl Kinds {
    fn is_empty(&self) -> bool {
        self.depth == 0
    }

    #[inline(always)]
    fn enter(&mut self, brace: bool) -> Option<()> {
        self.braces = self.braces << 1 | u64::from(brace);
        self.depth += 1;
        (self.depth <= u64::BITS).then_some(())
    }

    #[inline(always)]
    fn leave(&mut self, brace: bool) -> Option<()> {
        let matching = self.depth > 0 && self.braces & 1 == u64::from(brace);
        self.braces >>= 1;
        self.depth = self.depth.saturating_sub(1);
        matching.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Scanner;

    fn length_of(text: &str) -> Option<usize> {
        container_length(text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn containers_end_where_their_brackets_do() {
        for (text, length) in [
            ("{}", Some(2)),
            (r#"{"a":[1,"]}\"}"]} ,"#, Some(17)),
            (r#"["\\",{}]]"#, Some(9)),
            (r#"{"a":Y,_y}"#, Some(10)),
            ("[1,2", None),
            ("{]}", None),
            ("1", None),
            (" {}", None),
            ("]", None),
            ("", None),
        ] {
            assert_eq!(length_of(text), length, "{text}");
        }
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(length_of(&deep(64)), Some(128));
        assert_eq!(length_of(&deep(65)), None);
    }

    proptest! {
        #[test]
        fn containers_that_are_valid_are_never_misjudged(
            text in r#"[{\[]("(a|é|\\\\|\\"|[{}\[\]]){0,90}"|[\[\]{},:1 ]){0,40}[}\]]{0,3}"#,
        ) {
            let mut scanner = Scanner::new(text.as_bytes());
            if scanner.value().is_some() {
                prop_assert_eq!(length_of(&text), Some(scanner.position()));
            }
        }
    }
}
