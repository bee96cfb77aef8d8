use crate::chunk;

/// One bit per byte of a block.
pub(crate) const BLOCK: usize = u64::BITS as usize;

/// Bytes, and where a string in them may end: one bit for each quote, backslash and control character, the first byte's
/// in the lowest bit of the first word. Whoever splits a page has looked at every byte; the marks spare whoever reads the
/// records from doing so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marked<'a> {
    bytes: &'a [u8],
    stops: &'a [u64],
}

impl<'a> From<&'a [u8]> for Marked<'a> {
    /// Bytes that nobody has marked.
    fn from(bytes: &'a [u8]) -> Self {
        Marked { bytes, stops: &[] }
    }
}

impl<'a> Marked<'a> {
    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The marks of each block, of a block more than there are whole ones; none if the bytes are not marked. Those of the
    /// last may go beyond the bytes.
    pub(crate) fn blocks(self) -> Option<&'a [u64]> {
        self.stops.get(..=self.bytes.len() / BLOCK)
    }

    /// How many bytes from `at` on are known to be none of those marked. The one behind them need not be one: no more than
    /// a block is looked at.
    #[inline(always)]
    pub(crate) fn clear(self, at: usize) -> usize {
        let words = self.stops.get(at / BLOCK..).and_then(<[u64]>::first_chunk::<2>);
        if let Some([low, high]) = words {
            let shift = at % BLOCK;
            let window = low >> shift | high << 1 << (BLOCK - 1 - shift);
            return window.trailing_zeros() as usize;
        }
        chunk::at(self.bytes, at).map_or(0, chunk::first_stop)
    }
}

/// The elements of an array, marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elements<'a> {
    /// The bytes of each, and where its marks begin.
    items: Vec<(&'a [u8], usize)>,
    stops: Vec<u64>,
}

/// In place of the beginning of marks: there are none.
const UNMARKED: usize = usize::MAX;

impl<'a> Elements<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Marked<'_>> {
        self.items.iter().map(|(bytes, start)| {
            let stops = self.stops.get(*start..).unwrap_or_default();
            // A window of marks reads one word further.
            let words = (bytes.len().div_ceil(BLOCK) + 1).min(stops.len());
            Marked {
                bytes,
                stops: &stops[..words],
            }
        })
    }

    /// Adds an element whose marks [`Elements::stops`] has taken since it was `start` long.
    pub(crate) fn push_marked(&mut self, bytes: &'a [u8], start: usize) {
        self.stops.push(0);
        self.items.push((bytes, start));
    }

    /// Adds an element without marks, and takes back those from `start` on.
    pub(crate) fn push(&mut self, bytes: &'a [u8], start: usize) {
        self.stops.truncate(start);
        self.items.push((bytes, UNMARKED));
    }

    /// Where the marks of the element that is being looked at go.
    pub(crate) fn stops(&mut self) -> &mut Vec<u64> {
        &mut self.stops
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Output, Scanner};

    /// What a scanner makes of a record: the members, how they look when written, and what is wrong.
    fn read(record: Marked<'_>) -> String {
        let mut scanner = Scanner::new(record);
        let mut members = Vec::new();
        let passed = scanner.members(|scanner, key| {
            members.push((key, scanner.value()?));
            Some(())
        });
        let flaw = passed.is_none().then(|| scanner.flaw());
        format!("{members:?} {flaw:?} {}", scanner.dirty())
    }

    proptest! {
        #[test]
        fn marked_records_read_and_write_as_unmarked_ones_do(
            records in proptest::collection::vec(r#"\{"([a-z"]|\\["\\nu]|é|[\x01-\x20]){0,90}":("([a-z]{0,90}|\\["\\n]|é|\x01){0,4}"|\[1, 2\]|null)\}"#, 1..5),
        ) {
            let page = format!("[{}]", records.join(","));
            let mut elements = Elements::default();
            // Where quotes do not match, the end may not be found; what has been is marked all the same.
            let _ = Scanner::new(page.as_bytes()).split(&mut elements);
            for element in elements.iter() {
                prop_assert_eq!(read(element), read(element.bytes().into()));
                if element.bytes().iter().all(|byte| *byte >= 0x20) {
                    let (mut marked, mut plain) = (Output::default(), Output::default());
                    marked.marked_string(element);
                    plain.string(element.bytes());
                    prop_assert_eq!(marked.finish(), plain.finish());
                }
            }
        }
    }
}
