//! The range being read: which slice of it, which page of the slice, and what the pages have shown so far.

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::duration::SECOND;
use crate::instant::{self, whole_millis};
use crate::lookback::Range;

/// The narrowest slice: below it more requests bring nothing.
const NARROWEST: Nanos = SECOND;

/// Pages that a slice should have: deep paging has made the service fail, and ten thousand events are as many as one query
/// should have to repeat after a failure. One that has more is read to its end all the same, since beginning it again would
/// read everything twice; the next ones are narrower.
pub const MANY_PAGES: u32 = 50;

/// Most pages of one query. At the service's 200 records a page, its records are fewer than the ids that are remembered.
pub const MOST_PAGES: u32 = 200;

/// A slice that took no more than this part of [`MANY_PAGES`] lets the next one be twice as wide.
const ROOMY_PAGES: u32 = MANY_PAGES / 4;

/// A range that is being read, slice by slice from its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowScan {
    /// The start of the range.
    #[serde(with = "instant::text")]
    pub start: Timestamp,
    /// The end of the range.
    #[serde(with = "instant::text")]
    pub end: Timestamp,
    /// When the first request was sent.
    #[serde(with = "instant::text")]
    pub asked: Timestamp,
    /// Whether it was all there was to read when it began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_now: bool,
    /// Everything in the range before this has been read.
    #[serde(with = "instant::text")]
    pub position: Timestamp,
    /// Whether it was read before, and was left open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reopened: bool,
    /// The earliest record that waits for the end of its operation: what is from here on has to be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Timestamp>,
    /// How many queries in a row went round in a circle without showing a record not known before.
    #[serde(default)]
    pub circles: u32,
    /// The slice that follows the position.
    pub query: Query,
}

/// One slice, read page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The end of the slice.
    #[serde(with = "instant::text")]
    pub end: Timestamp,
    /// The page to read next; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Pages read to their end.
    pub pages: u32,
    /// Whether the page to read next has been read in part: the poll was full.
    #[serde(default)]
    pub partial: bool,
    /// Hashes of the links followed, to notice a repeated one.
    #[serde(default)]
    pub links: Vec<u64>,
    /// How often the slice was begun again because its paging failed.
    #[serde(default)]
    pub restarts: u32,
    /// Whether it has shown a record that was not known before.
    #[serde(default)]
    pub news: bool,
    /// Whether what cannot be made an event is taken as it is: it stayed so however often it was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resigned: bool,
    /// Whether it has shown something that cannot be made an event, or had no end of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub odd: bool,
    /// The time of the last record that it has shown; the earliest of all once one came after an older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

impl Query {
    fn new(end: Timestamp) -> Query {
        Query {
            end,
            link: None,
            pages: 0,
            partial: false,
            links: Vec::new(),
            restarts: 0,
            news: false,
            resigned: false,
            odd: false,
            last: None,
        }
    }

    /// Notes the time of a record that it has not shown before.
    pub fn note_order(&mut self, time: Timestamp) {
        let rises = self.last.is_some_and(|last| last < time);
        self.last = Some(if rises { 0 } else { time });
    }

    /// Whether it shows the newest records first, as far as can be told from what it has shown before one of that time: then
    /// it has shown everything after it.
    pub fn newest_first(&self, time: Timestamp) -> bool {
        self.last.is_some_and(|last| last > time)
    }
}

impl WindowScan {
    /// Begins a range; slices are at most `slice` wide, if given.
    pub fn new(range: Range, asked: Timestamp, slice: Option<Nanos>) -> WindowScan {
        let mut reading = WindowScan {
            start: range.start,
            end: range.end,
            asked,
            to_now: false,
            position: range.start,
            reopened: false,
            held: None,
            circles: 0,
            query: Query::new(range.end),
        };
        reading.next_slice(slice);
        reading
    }

    /// The part of the range that has been read.
    pub fn covered(&self) -> Range {
        Range {
            start: self.start,
            end: self.position,
        }
    }

    /// The slice that is being read.
    pub fn slice(&self) -> Range {
        Range {
            start: self.position,
            end: self.query.end,
        }
    }

    /// Whether the whole range has been read.
    pub fn is_over(&self) -> bool {
        self.position >= self.end
    }

    /// The slice has been read to its end: the next one begins where it ended.
    pub fn finish_slice(&mut self, slice: Option<Nanos>) {
        self.position = self.query.end;
        self.next_slice(slice);
    }

    fn next_slice(&mut self, slice: Option<Nanos>) {
        let end = slice.map_or(self.end, |slice| self.position.saturating_add(slice));
        self.query = Query::new(end.min(self.end));
    }

    /// Begins the same slice again from its first page.
    pub fn restart(&mut self) {
        let restarts = self.query.restarts + 1;
        self.query = Query {
            restarts,
            ..Query::new(self.query.end)
        };
    }

    /// Moves the end of the range, all of which was read or passed over, to a later instant.
    pub fn extend(&mut self, end: Timestamp) {
        let width = self.query.end.saturating_sub(self.start).max(NARROWEST);
        self.end = end;
        self.next_slice(Some(width));
    }

    /// Passes over the slice, which cannot be read at present, to the next one. Returns what is passed over.
    pub fn skip(&mut self) -> Range {
        let skipped = self.slice();
        self.finish_slice(Some(skipped.end - skipped.start));
        skipped
    }

    /// Begins again with a slice of a part of the width. Returns the new width, or none when it cannot be narrower.
    pub fn narrow(&mut self, parts: u64) -> Option<Nanos> {
        let width = self.query.end - self.position;
        if width <= NARROWEST {
            return None;
        }
        let narrower = whole_millis(width / parts).max(NARROWEST);
        self.query = Query::new(self.position + narrower);
        Some(narrower)
    }

    /// The width for the slices after this one, which was read to its end: twice as wide after a shallow one, and free
    /// again once the window is reached; narrower after a deep one.
    pub fn next_width(&self, slice: Option<Nanos>, window: Nanos) -> Option<Nanos> {
        if self.query.pages > MANY_PAGES {
            let parts = self.query.pages.div_ceil(MANY_PAGES);
            let width = self.query.end - self.position;
            return Some(whole_millis(width / u64::from(parts)).max(NARROWEST));
        }
        let slice = slice?;
        let wider = if self.query.pages <= ROOMY_PAGES {
            slice.saturating_mul(2)
        } else {
            slice
        };
        (wider < window).then_some(wider)
    }
}
