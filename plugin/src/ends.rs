//! When operations ended: what a record of an operation under way is held against.

use crate::contract::Timestamp;
use crate::lookback::Range;

/// Most operations kept: 320 KB of a cursor. Beyond it those that ended first are forgotten, and their earlier records are
/// delivered as if they had not ended.
pub const MOST: usize = 20_000;

/// Bytes of an entry in a cursor.
pub const ENTRY: usize = 16;

/// Operations that have ended lately, and when: in the order of operations, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends(Vec<[u64; 2]>);

impl Ends {
    /// How many are kept.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many ids have to make room for them: each takes the place of two, and of some of the rest of the cursor.
    pub fn places(&self) -> usize {
        3 * self.0.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that an operation ended at that time.
    pub fn note(&mut self, operation: u64, time: Timestamp) {
        match self.place(operation) {
            Ok(place) => self.0[place][1] = self.0[place][1].max(time),
            Err(place) => self.0.insert(place, [operation, time]),
        }
    }

    /// Whether an operation ended at that time or later.
    pub fn has(&self, operation: u64, time: Timestamp) -> bool {
        self.place(operation).is_ok_and(|place| self.0[place][1] >= time)
    }

    fn place(&self, operation: u64) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&operation, |[operation, _]| *operation)
    }

    /// Forgets what ended before an instant that no query will reach again, but for what is in a range that is still open;
    /// and the oldest ends beyond [`MOST`].
    pub fn forget_before(&mut self, instant: Timestamp, open: impl Iterator<Item = Range> + Clone) {
        let is_open = |time: Timestamp| {
            open.clone()
                .any(|range| (range.start..=range.end).contains(&time))
        };
        self.0.retain(|[_, time]| *time >= instant || is_open(*time));
        // Halving the time that is left finds the instant after which there are few enough.
        let (mut first, mut last) = (0, u64::MAX);
        while self.0.len() > MOST && first < last {
            let middle = first + (last - first) / 2;
            let later = self.0.iter().filter(|[_, time]| *time > middle).count();
            if later > MOST {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        if first > 0 {
            self.0.retain(|[_, time]| *time > first);
        }
    }

    /// Appends all entries: 64 bits of operation, 64 bits of time, little-endian.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let words = self.0.as_flattened().iter();
        words.for_each(|word| bytes.extend(word.to_le_bytes()));
    }

    /// Reads what [`Ends::write`] wrote; None if anything is cut off or not in order.
    pub fn read(bytes: &[u8]) -> Option<Ends> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let entry = |entry: &[u8; ENTRY]| [number(&entry[..8]), number(&entry[8..])];
        let ends: Vec<[u64; 2]> = entries.iter().map(entry).collect();
        let in_order = ends.is_sorted_by(|[one, _], [next, _]| one < next);
        (rest.is_empty() && in_order).then_some(Ends(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_covers_what_came_before_it_and_nothing_after_it() {
        let mut ends = Ends::default();
        ends.note(7, 100);
        ends.note(7, 90);
        assert_eq!([99, 100, 101].map(|time| ends.has(7, time)), [true, true, false]);
        assert!(!ends.has(8, 0));
    }

    #[test]
    fn ends_keep_through_bytes() {
        let mut ends = Ends::default();
        (0..100).for_each(|operation| ends.note(operation, 1_000 + operation));
        let mut bytes = Vec::new();
        ends.write(&mut bytes);
        assert_eq!(bytes.len(), 100 * ENTRY);
        assert_eq!(Ends::read(&bytes), Some(ends));
        assert_eq!(Ends::read(&bytes[1..]), None);
        assert_eq!(Ends::read(&bytes[8..]), None);
        assert_eq!(
            Ends::read(&[bytes[..ENTRY].to_vec(), bytes[..ENTRY].to_vec()].concat()),
            None
        );
    }

    #[test]
    fn only_what_is_not_read_again_is_forgotten_and_the_oldest_beyond_the_bound() {
        let mut ends = Ends::default();
        let most = MOST as u64;
        (0..most + 10).for_each(|operation| ends.note(operation, operation));
        ends.forget_before(0, [].into_iter());
        assert_eq!(ends.len(), MOST);
        assert_eq!([9, 10].map(|operation| ends.has(operation, 0)), [false, true]);
        let open = Range { start: 20, end: 21 };
        ends.forget_before(most, [open].into_iter());
        assert_eq!(ends.len(), 12);
        assert!(ends.has(20, 0) && ends.has(21, 0) && !ends.has(22, 0));
    }
}
