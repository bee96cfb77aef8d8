//! Ranges that stay open: what the service could not show, or not as it should be, although everything around it was
//! readable. Reading goes on behind them, and asks for them again until they are whole.

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::duration::{DAY, HOUR, MINUTE, SECOND};
use crate::instant;
use crate::lookback::Range;

/// Most ranges that are open at once. More trouble than this is the service's as a whole: reading waits then.
pub const MOST: usize = 32;

/// How soon an open range is asked for again the first time, and the longest time between two attempts.
const FIRST_WAIT: Nanos = 30 * SECOND;
const LONGEST_WAIT: Nanos = 10 * MINUTE;

/// The same where nothing is missing but what is kept elsewhere.
const LONGEST_KEPT_WAIT: Nanos = 30 * MINUTE;

/// Ranges of that kind grow together up to this width: a log that is odd everywhere is not to be read again as a whole.
const WIDEST_KEPT: Nanos = 6 * HOUR;

/// So long a range stays open whose odd items have been handed over as they are. Nothing of it is missing then, but they
/// may become readable.
const KEPT_FOR: Nanos = 7 * DAY;

/// How often operators are reminded of an open range.
const REMINDER: Nanos = HOUR;

/// A range that is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRange {
    /// Its start.
    #[serde(with = "instant::text")]
    pub start: Timestamp,
    /// Its end.
    #[serde(with = "instant::text")]
    pub end: Timestamp,
    /// Since when it is open.
    #[serde(with = "instant::text")]
    pub since: Timestamp,
    /// When operators were last told of it.
    #[serde(with = "instant::text")]
    pub told: Timestamp,
    /// When to ask again.
    #[serde(with = "instant::text")]
    pub again: Timestamp,
    /// How often it was asked for since.
    pub tries: u32,
    /// Whether all that it has shown has been handed over, if not as events.
    pub is_kept: bool,
}

/// What noting an open range has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It was not open before.
    New,
    /// It is open for long enough to remind operators.
    Reminder(Timestamp),
    /// It is known.
    Known,
}

impl OpenRange {
    /// The range.
    pub fn range(&self) -> Range {
        Range {
            start: self.start,
            end: self.end,
        }
    }

    fn meets(&self, range: Range) -> bool {
        self.start <= range.end && range.start <= self.end
    }
}

/// Notes that a range stays open: for the first time, or again. `is_kept` is explained at [`OpenRange`].
pub fn note(open: &mut Vec<OpenRange>, range: Range, is_kept: bool, now: Timestamp) -> Noted {
    let joins = |known: &OpenRange| {
        let width = known.end.max(range.end) - known.start.min(range.start);
        known.meets(range) && (!is_kept || width <= known.end - known.start || width <= WIDEST_KEPT)
    };
    let Some(known) = open.iter_mut().find(|known| joins(known)) else {
        if open.len() < MOST {
            open.push(OpenRange {
                start: range.start,
                end: range.end,
                since: now,
                told: now,
                again: now.saturating_add(FIRST_WAIT),
                tries: 0,
                is_kept,
            });
        }
        return Noted::New;
    };
    known.start = known.start.min(range.start);
    known.end = known.end.max(range.end);
    known.is_kept &= is_kept;
    // Only an attempt counts, not what else shows more of it.
    let tried = u32::from(known.again <= now);
    known.tries = known.tries.saturating_add(tried);
    let wait = FIRST_WAIT.saturating_mul(1 << known.tries.min(16));
    let longest = if known.is_kept {
        LONGEST_KEPT_WAIT
    } else {
        LONGEST_WAIT
    };
    if tried > 0 {
        known.again = now.saturating_add(wait.min(longest));
    }
    if now.saturating_sub(known.told) < REMINDER {
        return Noted::Known;
    }
    known.told = now;
    Noted::Reminder(known.since)
}

/// A range was read as it should be: it is open no longer. Returns whether any of it was.
pub fn close(open: &mut Vec<OpenRange>, range: Range) -> bool {
    let before = open.clone();
    let mut left = Vec::with_capacity(open.len());
    for known in open.drain(..) {
        let inside = range.start <= known.start && known.end <= range.end;
        // What was read of an end of it is over; a part in the middle leaves it as it is.
        if inside {
            continue;
        }
        let mut rest = known;
        if range.start <= known.start && known.start < range.end {
            rest.start = range.end;
        } else if range.end >= known.end && range.start < known.end {
            rest.end = range.start;
        }
        left.push(rest);
    }
    *open = left;
    before != *open
}

/// Gives up what lies before `floor`, which the service no longer keeps, and what has been kept for long enough.
pub fn expire(open: &mut Vec<OpenRange>, floor: Timestamp, now: Timestamp) {
    open.retain(|known| known.end > floor && !(known.is_kept && now.saturating_sub(known.since) > KEPT_FOR));
}

/// The open range to ask for next, if it is time.
pub fn due(open: &[OpenRange], now: Timestamp) -> Option<Range> {
    let due = open.iter().filter(|known| known.again <= now);
    due.min_by_key(|known| known.again).map(OpenRange::range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: Timestamp, end: Timestamp) -> Range {
        Range {
            start: start * HOUR,
            end: end * HOUR,
        }
    }

    #[test]
    fn an_open_range_is_asked_for_ever_more_rarely_until_it_is_read() {
        let mut open = Vec::new();
        let mut now = 100 * HOUR;
        assert_eq!(note(&mut open, range(1, 2), false, now), Noted::New);
        for seconds in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(due(&open, now + seconds * SECOND - 1), None);
            now += seconds * SECOND;
            assert_eq!(due(&open, now), Some(range(1, 2)));
            assert_eq!(note(&mut open, range(1, 2), false, now), Noted::Known);
        }
        assert!(close(&mut open, range(0, 2)));
        assert_eq!(open, []);
        assert!(!close(&mut open, range(0, 2)));
    }

    #[test]
    fn more_of_an_open_range_does_not_put_off_the_next_attempt() {
        let mut open = Vec::new();
        for hour in 1..6 {
            note(&mut open, range(hour, hour + 1), true, hour);
        }
        assert_eq!((open.len(), open[0].tries), (1, 0));
        assert_eq!(due(&open, FIRST_WAIT + 1), Some(range(1, 6)));
    }

    #[test]
    fn operators_are_reminded_once_an_hour() {
        let mut open = Vec::new();
        let reminders = (0..=120).filter(|minute| {
            let now = 100 * HOUR + minute * MINUTE;
            note(&mut open, range(1, 2), false, now) == Noted::Reminder(100 * HOUR)
        });
        assert_eq!(reminders.count(), 2);
    }

    #[test]
    fn a_part_that_was_read_leaves_the_rest_open() {
        for (read, left) in [
            (range(0, 5), vec![range(5, 8)]),
            (range(7, 9), vec![range(4, 7)]),
            (range(5, 6), vec![range(4, 8)]),
            (range(8, 9), vec![range(4, 8)]),
            (range(4, 8), vec![]),
        ] {
            let mut open = Vec::new();
            note(&mut open, range(4, 8), false, 0);
            close(&mut open, read);
            assert_eq!(
                open.iter().map(OpenRange::range).collect::<Vec<_>>(),
                left,
                "{read:?}"
            );
        }
    }

    #[test]
    fn only_what_is_kept_or_out_of_reach_expires() {
        let mut open = Vec::new();
        note(&mut open, range(1, 2), false, 0);
        note(&mut open, range(5, 6), false, 0);
        note(&mut open, range(8, 9), true, 0);
        expire(&mut open, 3 * HOUR, 8 * DAY);
        assert_eq!(
            open.iter().map(OpenRange::range).collect::<Vec<_>>(),
            [range(5, 6)]
        );
    }
}
