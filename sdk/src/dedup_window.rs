//! The ids of records read lately, so that a record read again is recognised.
//!
//! An id is kept as its 64-bit XXH3 hash. A new record is mistaken for an old one with a probability of (ids kept) /
//! 2^64: at most 5.5 in 10^15 for each record at the bound of 100,000 ids. Ids are kept while a re-read can still bring
//! them back, and no more than [`MOST`]: beyond it the oldest are forgotten, which may repeat a record but never loses
//! one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::contract::{Nanos, Timestamp};
use crate::duration::MINUTE;
use crate::lookback::Range;

/// Most ids kept: 800 KB, which leaves room for the rest of a cursor below 1 MiB.
pub const MOST: usize = 100_000;

/// Most ids and minutes together, which take eight bytes each: with what else an id takes they stay below 1 MB. Only ids
/// of more than two weeks with hardly any to a minute reach it.
const MOST_ENTRIES: usize = 123_000;

/// Ids are grouped by the minute of their record, which is fine enough for forgetting.
const BUCKET: Nanos = MINUTE;

/// What is known of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupState {
    /// Not seen before.
    New,
    /// Seen by an earlier query.
    Before,
    /// Seen by the query that is being read.
    InThisQuery,
}

/// Remembered ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DedupWindow {
    /// Whether the query being read has shown the id.
    ids: HashMap<u64, bool, BuildHasherDefault<AsIs>>,
    /// By minute, the oldest first.
    buckets: Vec<(u32, Vec<u64>)>,
}

impl DedupWindow {
    /// How many ids are kept.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// What is known of an id.
    pub fn look(&self, id: u64) -> DedupState {
        match self.ids.get(&id) {
            None => DedupState::New,
            Some(false) => DedupState::Before,
            Some(true) => DedupState::InThisQuery,
        }
    }

    /// Notes that the query being read shows an id, of a record of that time.
    pub fn note(&mut self, id: u64, time: Timestamp) {
        if self.ids.insert(id, true).is_none() {
            self.bucket(bucket(time)).push(id);
        }
    }

    /// The ids of a minute.
    fn bucket(&mut self, minute: u32) -> &mut Vec<u64> {
        let place = self.buckets.binary_search_by_key(&minute, |(minute, _)| *minute);
        let index = place.unwrap_or_else(|index| {
            self.buckets.insert(index, (minute, Vec::new()));
            index
        });
        &mut self.buckets[index].1
    }

    /// Begins a new query.
    pub fn start_query(&mut self) {
        self.ids
            .values_mut()
            .for_each(|in_this_query| *in_this_query = false);
    }

    /// Forgets ids of records before an instant that no query will reach again, but for those in a range that is still
    /// open.
    pub fn forget_before(&mut self, instant: Timestamp, open: impl Iterator<Item = Range> + Clone) {
        let first = bucket(instant);
        let over = self.buckets.partition_point(|(minute, _)| *minute < first);
        let is_open = |minute: u32| {
            let contains = |range: Range| (bucket(range.start)..=bucket(range.end)).contains(&minute);
            open.clone().any(contains)
        };
        let gone = self.buckets.extract_if(..over, |(minute, _)| !is_open(*minute));
        for id in gone.flat_map(|(_, ids)| ids) {
            self.ids.remove(&id);
        }
    }

    /// Forgets the oldest ids beyond [`MOST`] and [`MOST_ENTRIES`], of which other things in the cursor take so many, and
    /// returns how many.
    pub fn forget_excess(&mut self, taken: usize) -> u64 {
        let before = self.ids.len();
        let mut minutes = self.buckets.len();
        for (_, ids) in &mut self.buckets {
            let kept = self.ids.len();
            let excess = kept
                .saturating_sub(MOST)
                .max((kept + minutes + taken).saturating_sub(MOST_ENTRIES));
            if excess == 0 {
                break;
            }
            for id in ids.drain(..ids.len().min(excess)) {
                self.ids.remove(&id);
            }
            minutes -= usize::from(ids.is_empty());
        }
        self.buckets.drain(..self.buckets.len() - minutes);
        (before - self.ids.len()) as u64
    }

    /// Appends all ids: the number of buckets, then each bucket's minute and number of ids, all as 32 bits, then the ids
    /// with 64 bits each, then one bit per id for the query being read. Little-endian throughout.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.ids.len() * 9 + self.buckets.len() * 8);
        bytes.extend((self.buckets.len() as u32).to_le_bytes());
        for (minute, ids) in &self.buckets {
            bytes.extend(minute.to_le_bytes());
            bytes.extend((ids.len() as u32).to_le_bytes());
        }
        let ids = || self.buckets.iter().flat_map(|(_, ids)| ids);
        for id in ids() {
            bytes.extend(id.to_le_bytes());
        }
        let mut flags = vec![0_u8; self.ids.len().div_ceil(8)];
        for (index, id) in ids().enumerate() {
            if self.ids.get(id) == Some(&true) {
                flags[index / 8] |= 1 << (index % 8);
            }
        }
        bytes.extend(flags);
    }

    /// Reads what [`DedupWindow::write`] wrote; None if anything is missing or left over.
    pub fn read(bytes: &[u8]) -> Option<DedupWindow> {
        let (count, mut rest) = number(bytes)?;
        let mut heads = Vec::new();
        let mut total = 0_usize;
        for _ in 0..count {
            let (minute, after) = number(rest)?;
            let (length, after) = number(after)?;
            heads.push((minute, length as usize));
            total = total.checked_add(length as usize)?;
            rest = after;
        }
        let (ids, flags) = rest.split_at_checked(total.checked_mul(8)?)?;
        if flags.len() != total.div_ceil(8) {
            return None;
        }
        let mut seen = DedupWindow {
            ids: HashMap::with_capacity_and_hasher(total, BuildHasherDefault::default()),
            buckets: Vec::with_capacity(heads.len()),
        };
        let (words, _) = ids.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word)).enumerate();
        for (minute, length) in heads {
            let mut bucket = Vec::with_capacity(length);
            for (index, id) in words.by_ref().take(length) {
                seen.ids.insert(id, flags[index / 8] >> (index % 8) & 1 == 1);
                bucket.push(id);
            }
            seen.buckets.push((minute, bucket));
        }
        let in_order = seen.buckets.is_sorted_by(|(minute, _), (next, _)| minute < next);
        (in_order && seen.ids.len() == total).then_some(seen)
    }
}

fn bucket(time: Timestamp) -> u32 {
    u32::try_from(time / BUCKET).unwrap_or(u32::MAX)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// Ids are hashes already: hashing them again would only cost time.
#[derive(Debug, Clone, Copy, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(ids: impl Iterator<Item = u64>) -> DedupWindow {
        let mut seen = DedupWindow::default();
        ids.for_each(|id| seen.note(id, id * MINUTE / 10));
        seen
    }

    #[test]
    fn ids_keep_their_state_through_bytes() {
        let mut seen = filled(0..100);
        seen.start_query();
        seen.note(7, 0);
        seen.note(200, 0);
        let mut bytes = Vec::new();
        seen.write(&mut bytes);
        assert_eq!(DedupWindow::read(&bytes), Some(seen));
        assert_eq!(DedupWindow::read(&bytes[1..]), None);
        assert_eq!(DedupWindow::read(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn a_query_tells_its_own_ids_from_earlier_ones() {
        let mut seen = filled(1..3);
        seen.start_query();
        seen.note(1, 0);
        assert_eq!(
            [1, 2, 3].map(|id| seen.look(id)),
            [DedupState::InThisQuery, DedupState::Before, DedupState::New]
        );
    }

    #[test]
    fn only_what_cannot_come_back_is_forgotten() {
        let mut seen = filled(0..100);
        let open = Range {
            start: 2 * MINUTE + 1,
            end: 3 * MINUTE,
        };
        seen.forget_before(5 * MINUTE, [open].into_iter());
        assert_eq!(
            [19, 20, 39, 40, 49, 50].map(|id| seen.look(id) == DedupState::New),
            [true, false, false, true, true, false]
        );
        seen.forget_before(5 * MINUTE, [].into_iter());
        assert_eq!(
            [49, 50].map(|id| seen.look(id)),
            [DedupState::New, DedupState::InThisQuery]
        );
        assert_eq!(seen.len(), 50);
    }

    #[test]
    fn beyond_the_bound_the_oldest_go_first() {
        let mut seen = filled(0..MOST as u64 + 25);
        assert_eq!(seen.forget_excess(0), 25);
        assert_eq!(seen.len(), MOST);
        assert_eq!(
            [24, 25].map(|id| seen.look(id)),
            [DedupState::New, DedupState::InThisQuery]
        );
    }

    #[test]
    fn ids_fit_into_a_cursor_however_few_there_are_to_a_minute() {
        let mut seen = DedupWindow::default();
        (0..99_000).for_each(|id| seen.note(id, id * MINUTE));
        let forgotten = seen.forget_excess(0);
        assert_eq!((forgotten, seen.len()), (37_500, 61_500));
        assert_eq!(
            [37_499, 37_500].map(|id| seen.look(id)),
            [DedupState::New, DedupState::InThisQuery]
        );
        let mut bytes = Vec::new();
        seen.write(&mut bytes);
        assert!(bytes.len() < 1_000_000, "{}", bytes.len());
    }
}
