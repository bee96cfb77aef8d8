//! When to read what again: the law by which no late event is missed, at no more than three fetches per event on busy
//! streams.
//!
//! An event may become readable some time after it happened; the look-back L bounds how long. The reader keeps pointers
//! into the stream's time:
//!
//! * the *watermark*: everything before it has been read once;
//! * for each *age* a, a *revisit pointer* r: everything before r has been read at a moment when it was at least a old.
//!
//! The oldest age is the whole look-back. So whatever lies before its pointer was read when no more could come, and is
//! over. A stream that fits into few requests is read from there to now at every poll. A busy one reads only what is
//! new, and each slice once more at every age, as soon as a granule of it is old enough: with two ages each event is
//! fetched three times at most, and a late one is found at the first age at which it is readable.

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::duration::{self, SECOND};
use crate::instant::{self, whole_millis};

/// The young age as a part of the look-back: half the events that are late at all come within a few minutes, and each
/// further age would cost one more fetch of every event.
const YOUNG_PART: u64 = 4;

/// The oldest age is the look-back and this much, since the service's clock may be behind ours.
const CLOCK_SLACK: Nanos = 60 * SECOND;

/// A slice is read again once it is this part of its age wide: wide enough to be worth a request, and the delay of a late
/// event stays within age and granule.
const GRANULE_PART: u64 = 4;

/// A stream whose look-back takes at most so many pages is read whole at every poll.
const SPARSE_PAGES: usize = 10;
/// A busy stream counts as sparse again only from here on, so that it does not change its manner at every poll.
const SPARSE_AGAIN_PAGES: usize = 7;
/// What the service calls a page, until one has been seen.
const USUAL_PAGE: u32 = 200;

/// A revisit pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisit {
    /// How old everything before `position` was when it was last read.
    #[serde(with = "duration::text")]
    pub age: Nanos,
    /// See the module.
    #[serde(with = "instant::text")]
    pub position: Timestamp,
}

/// Where a stream's reading stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointers {
    /// Everything before this has been read once.
    #[serde(with = "instant::text")]
    pub watermark: Timestamp,
    /// From the youngest age to the oldest; empty without look-back.
    pub revisits: Vec<Revisit>,
}

/// A stretch of time to read, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// From here.
    pub start: Timestamp,
    /// To here.
    pub end: Timestamp,
}

impl Pointers {
    /// Pointers of a stream that begins at `start`.
    pub fn new(start: Timestamp, lookback: Nanos) -> Pointers {
        let start = whole_millis(start);
        let revisits = ages(lookback)
            .into_iter()
            .map(|age| Revisit { age, position: start })
            .collect();
        Pointers {
            watermark: start,
            revisits,
        }
    }

    /// Everything before this is over: it was read when no more could come.
    pub fn settled(&self) -> Timestamp {
        self.revisits
            .iter()
            .map(|revisit| revisit.position)
            .fold(self.watermark, Timestamp::min)
    }

    /// Adapts to another look-back. What is remembered is read again where it was not read at the new ages, so that nothing
    /// that was to be found or delivered by a later reading is lost, and nothing is delivered twice.
    pub fn adapt(&mut self, lookback: Nanos) {
        let ages = ages(lookback);
        if ages.iter().eq(self.revisits.iter().map(|revisit| &revisit.age)) {
            return;
        }
        let settled = self.settled();
        let oldest = ages.last().copied();
        let revisit = |age| {
            let kept = self.revisits.iter().filter(|old| old.age >= age);
            // What is held is behind the oldest pointer, and nowhere else.
            let kept = kept.map(|old| old.position).max().filter(|_| oldest != Some(age));
            Revisit {
                age,
                position: kept.unwrap_or(settled),
            }
        };
        self.revisits = ages.into_iter().map(revisit).collect();
        if self.revisits.is_empty() {
            self.watermark = settled;
        }
    }

    /// Moves all pointers up to an instant before which nothing can be read any more.
    pub fn raise(&mut self, floor: Timestamp) {
        self.watermark = self.watermark.max(floor);
        self.revisits
            .iter_mut()
            .for_each(|revisit| revisit.position = revisit.position.max(floor));
    }

    /// Moves all pointers back to an instant, to read again from there.
    pub fn lower(&mut self, back: Timestamp) {
        let back = whole_millis(back);
        self.watermark = self.watermark.min(back);
        self.revisits
            .iter_mut()
            .for_each(|revisit| revisit.position = revisit.position.min(back));
    }

    /// Notes that a range was read, the first request having been sent at `asked`. What is from `held` on has to be read
    /// again, however old it was.
    pub fn cover(&mut self, range: Range, asked: Timestamp, held: Option<Timestamp>) {
        if range.start <= self.watermark {
            // Without a look-back nothing else leads back to what was held when there still was one.
            let held = held.filter(|_| self.revisits.is_empty());
            let end = held.map_or(range.end, |held| held.min(range.end));
            self.watermark = self.watermark.max(end);
        }
        let oldest = self.revisits.len().saturating_sub(1);
        for (index, revisit) in self.revisits.iter_mut().enumerate() {
            if range.start <= revisit.position {
                let old_enough = whole_millis(asked.saturating_sub(revisit.age));
                let held = held.filter(|_| index == oldest).unwrap_or(old_enough);
                revisit.position = revisit.position.max(range.end.min(old_enough).min(held));
            }
        }
    }

    /// What to read next to reach `now`; none when nothing is due. `sparse` tells that the whole look-back takes few
    /// requests.
    pub fn next(&self, now: Timestamp, window: Nanos, sparse: bool) -> Option<Range> {
        let settled = self.settled();
        let longest = self.revisits.last().map_or(0, |revisit| revisit.age).max(window);
        if self.watermark < now.saturating_sub(longest) {
            return Some(Range {
                start: settled,
                end: now.min(settled.saturating_add(longest)),
            });
        }
        if sparse {
            return (self.watermark < now).then_some(Range {
                start: settled,
                end: now,
            });
        }
        // The newest first: what just happened matters most.
        let fresh = (self.watermark < now).then_some(Range {
            start: self.watermark,
            end: now,
        });
        let due = self.revisits.iter().filter_map(|revisit| {
            let end = whole_millis(now.saturating_sub(revisit.age)).min(self.watermark);
            let wide_enough = end
                >= revisit
                    .position
                    .saturating_add((revisit.age / GRANULE_PART).max(1));
            wide_enough.then_some(Range {
                start: revisit.position,
                end,
            })
        });
        let mut ranges = fresh.into_iter().chain(due);
        let mut range = ranges.next()?;
        for older in ranges {
            if older.end >= range.start {
                range.start = older.start.min(range.start);
            }
        }
        Some(range)
    }
}

/// Whether the look-back of a stream takes too many requests to be read whole at every poll. `records` are those that the
/// look-back holds, `page_size` the most that a page has held, or 0.
pub fn is_busy(records: usize, page_size: u32, was_busy: bool) -> bool {
    let page = if page_size > 0 { page_size } else { USUAL_PAGE };
    let most = if was_busy {
        SPARSE_AGAIN_PAGES
    } else {
        SPARSE_PAGES
    };
    records.div_ceil(page as usize) > most
}

/// The ages for a look-back, from young to old.
fn ages(lookback: Nanos) -> Vec<Nanos> {
    match lookback {
        0 => Vec::new(),
        _ => vec![whole_millis(lookback / YOUNG_PART), lookback + CLOCK_SLACK],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::{HOUR, MINUTE};

    const L: Nanos = 30 * MINUTE;
    const WINDOW: Nanos = 6 * HOUR;

    /// Reads everything due at `now` and returns the ranges.
    fn read_all(pointers: &mut Pointers, now: Timestamp, sparse: bool) -> Vec<Range> {
        let mut ranges = Vec::new();
        while let Some(range) = pointers.next(now, WINDOW, sparse) {
            pointers.cover(range, now, None);
            ranges.push(range);
            assert!(ranges.len() < 1000, "reading never ends");
        }
        ranges
    }

    #[test]
    fn a_sparse_stream_is_read_from_its_settled_instant_in_one_range() {
        let mut pointers = Pointers::new(100 * HOUR, L);
        assert_eq!(
            read_all(&mut pointers, 101 * HOUR, true),
            [Range {
                start: 100 * HOUR,
                end: 101 * HOUR
            }]
        );
        assert_eq!(pointers.settled(), 101 * HOUR - L - CLOCK_SLACK);
        let again = Range {
            start: pointers.settled(),
            end: 101 * HOUR + MINUTE,
        };
        assert_eq!(read_all(&mut pointers, 101 * HOUR + MINUTE, true), [again]);
        assert_eq!(read_all(&mut pointers, 101 * HOUR + MINUTE, true), []);
    }

    #[test]
    fn a_backfill_goes_window_by_window_from_the_oldest() {
        let mut pointers = Pointers::new(100 * HOUR, L);
        let starts: Vec<_> = read_all(&mut pointers, 120 * HOUR, true)
            .iter()
            .map(|range| range.start / HOUR)
            .collect();
        assert_eq!(starts, [100, 106, 112, 118]);
    }

    #[test]
    fn a_busy_stream_reads_each_instant_three_times_and_last_at_full_age() {
        let mut pointers = Pointers::new(100 * HOUR, L);
        let mut read: Vec<(Range, Timestamp)> = Vec::new();
        for poll in 0..200 {
            let now = 100 * HOUR + poll * 5 * MINUTE;
            read.extend(
                read_all(&mut pointers, now, false)
                    .into_iter()
                    .map(|range| (range, now)),
            );
        }
        // A nanosecond beside the ends of ranges, which belong to two ranges each.
        for instant in (101 * HOUR + 1..110 * HOUR).step_by(7 * MINUTE as usize) {
            let ages: Vec<_> = read
                .iter()
                .filter(|(range, _)| range.start <= instant && instant <= range.end)
                .map(|(_, now)| now - instant)
                .collect();
            assert_eq!(ages.len(), 3, "{instant}: {ages:?}");
            assert!(ages[2] >= L, "{instant}: {ages:?}");
        }
    }

    #[test]
    fn a_pointer_moves_only_over_what_was_old_enough() {
        let mut pointers = Pointers::new(HOUR, L);
        pointers.cover(
            Range {
                start: HOUR,
                end: 2 * HOUR,
            },
            2 * HOUR,
            None,
        );
        assert_eq!(pointers.watermark, 2 * HOUR);
        assert_eq!(pointers.settled(), 2 * HOUR - L - CLOCK_SLACK);
        // A range that begins after a pointer leaves a gap before it, so that the pointer stays.
        let before = pointers.clone();
        pointers.cover(
            Range {
                start: 2 * HOUR,
                end: 3 * HOUR,
            },
            10 * HOUR,
            None,
        );
        assert_eq!(pointers.watermark, 3 * HOUR);
        assert_eq!(pointers.revisits, before.revisits);
    }

    #[test]
    fn another_look_back_reads_again_what_is_remembered_and_nothing_else() {
        let mut pointers = Pointers::new(100 * HOUR, L);
        read_all(&mut pointers, 110 * HOUR, true);
        let settled = pointers.settled();
        for lookback in [2 * L, 10 * L, L / 3, 0, L] {
            pointers.adapt(lookback);
            assert_eq!(pointers.settled(), settled, "{lookback}");
            assert!(pointers.watermark >= settled, "{lookback}");
        }
        // Whoever read nothing meanwhile reads from there, however long ago that was.
        pointers.adapt(10 * L);
        let first = pointers.next(130 * HOUR, WINDOW, true);
        assert_eq!(first.map(|range| range.start), Some(settled));
    }

    #[test]
    fn what_is_held_is_read_again_until_it_is_not() {
        let mut pointers = Pointers::new(100 * HOUR, L);
        let range = Range {
            start: 100 * HOUR,
            end: 102 * HOUR,
        };
        pointers.cover(range, 102 * HOUR, Some(101 * HOUR));
        assert_eq!(pointers.settled(), 101 * HOUR);
        assert_eq!(pointers.watermark, 102 * HOUR);
        let again = Range {
            start: 101 * HOUR,
            end: 103 * HOUR,
        };
        assert_eq!(pointers.next(103 * HOUR, WINDOW, true), Some(again));
        pointers.cover(again, 103 * HOUR, None);
        assert_eq!(pointers.settled(), 103 * HOUR - L - CLOCK_SLACK);
    }
}
