use crate::chunk::{self, BLOCK};

/// Some bytes, and where a string in them may end: one bit for each quote, backslash and control character. Who reads JSON
/// by the marks does not look at each byte again, and neither does who escapes it.
#[derive(Debug)]
pub struct StructuralIndex<'b> {
    bytes: &'b [u8],
    /// One word for each block, the first byte's bit in the lowest; at the end two without marks, which the last window
    /// reaches into.
    stops: Vec<u64>,
}

impl<'b> StructuralIndex<'b> {
    /// Looks for them.
    #[inline(never)]
    pub fn of(bytes: &'b [u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut stops = Vec::with_capacity(blocks.len() + 3);
        // Four blocks in each turn, for what a turn of a loop costs (see `bytes`).
        let (groups, others) = blocks.as_chunks::<4>();
        for group in groups {
            stops.extend(group.each_ref().map(chunk::stops));
        }
        stops.extend(others.iter().map(chunk::stops));
        stops.extend([chunk::stops(&last), 0, 0]);
        StructuralIndex { bytes, stops }
    }

    /// The bytes with their marks.
    pub fn marked(&self) -> Marked<'_> {
        Marked {
            bytes: self.bytes,
            stops: &self.stops,
            lead: 0,
        }
    }
}

/// Bytes with their [`StructuralIndex`], or without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marked<'a> {
    bytes: &'a [u8],
    stops: &'a [u64],
    /// How many bits of the first word belong to bytes before these.
    lead: usize,
}

impl<'a> From<&'a [u8]> for Marked<'a> {
    /// Bytes that nobody has marked.
    fn from(bytes: &'a [u8]) -> Self {
        Marked {
            bytes,
            stops: &[],
            lead: 0,
        }
    }
}

impl<'a> Marked<'a> {
    /// The bytes.
    #[inline(always)]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Those from `start` to `end`.
    pub fn part(self, start: usize, end: usize) -> Marked<'a> {
        let lead = self.lead + start;
        Marked {
            bytes: &self.bytes[start..end],
            stops: self.stops.get(lead / BLOCK..).unwrap_or_default(),
            lead: lead % BLOCK,
        }
    }

    /// The marks of each block, of a block more than there are whole ones; none if the bytes are not marked. Those of the
    /// last may go beyond the bytes.
    pub(crate) fn blocks(self) -> Option<impl Iterator<Item = u64>> {
        let stops = self.stops.get(..self.bytes.len() / BLOCK + 2)?;
        Some(
            stops
                .windows(2)
                .map(move |words| window(words[0], words[1], self.lead)),
        )
    }

    /// How many bytes from `at` on are known to be none of those marked. The one behind them need not be one: no more than
    /// a block is looked at.
    #[inline(always)]
    pub(crate) fn clear(self, at: usize) -> usize {
        let place = self.lead + at;
        let words = self.stops.get(place / BLOCK..).and_then(<[u64]>::first_chunk);
        match words {
            Some([low, high]) => window(*low, *high, place % BLOCK).trailing_zeros() as usize,
            None => chunk::at(self.bytes, at).map_or(0, chunk::first_stop),
        }
    }
}

/// The marks of a block that begins so many bits behind the lowest.
#[inline(always)]
fn window(low: u64, high: u64, shift: usize) -> u64 {
    low >> shift | high << 1 << (BLOCK - 1 - shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Scanner, Writer};

    /// What a scanner makes of an object: the members, how they look when written, and what is wrong.
    fn read(object: Marked<'_>) -> String {
        let mut scanner = Scanner::new(object);
        let mut members = Vec::new();
        let passed = scanner.members(|scanner, key| {
            members.push((key, scanner.value()?));
            Some(())
        });
        let error = passed.is_none().then(|| scanner.error());
        format!("{members:?} {error:?} {}", scanner.dirty())
    }

    proptest! {
        #[test]
        fn marked_objects_read_and_write_as_unmarked_ones_do(
            before in "[a\"\u{1}]{0,200}",
            object in r#"\{"([a-z"]|\\["\\nu]|é|[\x01-\x20]){0,90}":("([a-z]{0,90}|\\["\\n]|é|\x01){0,4}"|\[1, 2\]|null)\}"#,
            behind in "[a\"\u{1}]{0,200}",
        ) {
            let page = format!("{before}{object}{behind}");
            let marks = StructuralIndex::of(page.as_bytes());
            let marked = marks.marked().part(before.len(), before.len() + object.len());
            prop_assert_eq!(read(marked), read(object.as_bytes().into()));
            if object.bytes().all(|byte| byte >= 0x20) {
                let (mut written, mut plain) = (Writer::default(), Writer::default());
                written.marked_string(marked);
                plain.string(object.as_bytes());
                prop_assert_eq!(written.finish(), plain.finish());
            }
        }
    }
}
