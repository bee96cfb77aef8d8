//! One poll of a timed stream: reads on from the cursor until nothing is due, the budget is used up, or something fails.

use xxhash_rust::xxh3::xxh3_64;

use super::cursor::Cursor;
use super::{Law, Query, Record, Records, TimedSource};
use crate::basics;
use crate::batch::{BatchBuilder, size};
use crate::call::Call;
use crate::contract::{Batch, Error, Nanos, Progress, Rejected, Request, Timestamp};
use crate::dedup_window::DedupState;
use crate::duration::{self, MINUTE, SECOND};
use crate::failure::Failure;
use crate::http::Level;
use crate::instant::{rfc3339, whole_millis};
use crate::lookback;
use crate::window_scan::{MANY_PAGES, MOST_PAGES, WindowScan};

/// Longer links would not fit into a cursor beside the ids. Real ones have some hundred bytes.
pub(super) const LONGEST_LINK: usize = 32 * 1024;
/// Links remembered to notice a circle; a longer circle is found by its pages.
pub(super) const LINKS_REMEMBERED: usize = 2 * MANY_PAGES as usize;
/// Most times that less is asked for in one poll, each costing a request.
const MOST_REPAIRS: u32 = 4;
/// A watermark so far ahead of the clock means that the clock was wrong once.
const CLOCK_TOLERANCE: Nanos = 5 * MINUTE;

/// Why reading ended.
enum End {
    CaughtUp,
    Full,
    Failed(Failure),
}

/// One poll of one partition.
pub(super) struct Reader<'a, S: TimedSource> {
    config: &'a S::Config,
    call: Call<'a>,
    partition: &'a str,
    law: Law,
    cursor: Cursor,
    batch: BatchBuilder,
    /// The instant to reach.
    target: Timestamp,
    pages: u32,
    slices: u32,
    repairs: u32,
}

impl<'a, S: TimedSource> Reader<'a, S> {
    pub(super) fn poll(config: &'a S::Config, call: Call<'a>, request: &'a Request) -> Result<Batch, Error> {
        let law = S::law(config);
        let target = whole_millis(call.now());
        let cursor = match request.cursor.as_deref() {
            None => Cursor::new(law.start.instant(target), law.lookback),
            Some(bytes) => match Cursor::decode(S::CURSOR_FORMAT, bytes) {
                Ok(cursor) => cursor,
                Err(error) => return Err(call.error(basics::unreadable(error))),
            },
        };
        let mut reader = Self {
            config,
            call,
            partition: &request.partition,
            law,
            cursor,
            batch: BatchBuilder::new(&request.budget),
            target,
            pages: 0,
            slices: 0,
            repairs: 0,
        };
        reader.adapt();
        let end = reader.read_on();
        reader.finish(end)
    }

    /// Fits the cursor to the clock, to what the upstream still keeps, and to the configured look-back.
    fn adapt(&mut self) {
        let (target, law) = (self.target, self.law);
        let state = &mut self.cursor.state;
        state.pointers.adapt(law.lookback);
        if state.pointers.watermark > target.saturating_add(CLOCK_TOLERANCE) {
            let back = match state.newest {
                0 => law.start.instant(target),
                newest => newest.min(target).saturating_sub(law.lookback),
            };
            state.start = state.start.min(back);
            state.pointers.lower(back);
            state.reading = None;
            let text = format!(
                "the clock was ahead when the cursor was written: reading again from {}",
                rfc3339(back)
            );
            self.call.log(Level::Error, &text);
        }
        let state = &mut self.cursor.state;
        let floor = whole_millis(target.saturating_sub(law.retention));
        let settled = state.pointers.settled();
        if settled < floor {
            state.pointers.raise(floor);
            state.start = state.start.max(floor);
            state.reading = None;
            let text = format!(
                "the upstream keeps {}: records from {} to {} are gone, reading begins after them",
                duration::format(law.retention),
                rfc3339(settled),
                rfc3339(floor)
            );
            self.call.measures.add_labelled("anomalies", "retention", 1);
            self.call.log(Level::Warn, &text);
        }
    }

    fn read_on(&mut self) -> End {
        loop {
            if self.batch.is_full() || (self.pages > 0 && self.call.is_late()) {
                return End::Full;
            }
            let Some(reading) = self.next_reading() else {
                return End::CaughtUp;
            };
            // An earlier poll began it, to read all there was. What takes longer than a poll would else begin again at once,
            // to be broken off again, for ever.
            let is_last = reading.to_now && reading.asked < self.target;
            let query = Query {
                range: reading.slice(),
                link: reading.query.link.as_deref(),
            };
            let fetched = S::fetch(self.config, &mut self.call, self.partition, query);
            match fetched.and_then(|page| self.take_page(reading.clone(), page)) {
                Ok(()) if is_last && self.cursor.state.reading.is_none() => return End::CaughtUp,
                Ok(()) => {}
                Err(failure) => {
                    if let Some(failure) = self.repair(failure) {
                        return End::Failed(failure);
                    }
                }
            }
        }
    }

    /// The range that is being read, or the one to begin; none when nothing is due.
    fn next_reading(&mut self) -> Option<WindowScan> {
        let Cursor { state, seen } = &mut self.cursor;
        if state.reading.is_none() {
            state.busy = lookback::is_busy(seen.len(), state.page_size, state.busy);
            let range = state.pointers.next(self.target, self.law.window, !state.busy)?;
            let reading = WindowScan::new(range, whole_millis(self.call.now()), state.slice);
            state.reading = Some(WindowScan {
                to_now: !state.busy && range.end == self.target,
                ..reading
            });
            seen.start_query();
        }
        state.reading.clone()
    }

    /// Takes the records of a page and decides what comes next. Stops inside the page when the batch is full: it is then asked
    /// for again, and its ids tell what was taken.
    fn take_page(&mut self, mut reading: WindowScan, page: Records) -> Result<(), Failure> {
        let count = page.records.len() as u32;
        let mut brought_new = false;
        for record in page.records {
            match self.take(record, &reading) {
                Some(is_new) => brought_new |= is_new,
                None => {
                    reading.query.partial = true;
                    self.cursor.state.reading = Some(reading);
                    return Ok(());
                }
            }
        }
        self.cursor.state.page_size = self.cursor.state.page_size.max(count);
        self.pages += 1;
        self.call.measures.add("pages", 1);
        reading.query.pages += 1;
        let resumed = std::mem::take(&mut reading.query.partial);
        let evicted = self.cursor.seen.forget_excess(0);
        self.call.measures.add("dedupe_evicted", evicted);
        match page.next {
            None => {
                self.finish_slice(reading);
                Ok(())
            }
            Some(link) => {
                let is_stuck = count > 0 && !brought_new && !resumed;
                self.follow(reading, link, is_stuck)
            }
        }
    }

    /// Takes a record into the batch, unless it is known. Tells whether its query had not shown it before; none when there is
    /// no room for it.
    fn take(&mut self, record: Record, reading: &WindowScan) -> Option<bool> {
        let id = xxh3_64(record.id.as_ref().unwrap_or(&record.raw).as_bytes());
        // The upstream says that the record lies in the range. Where its own time says otherwise it may be anywhere in there,
        // and its id is kept as long as one at the end.
        let slice = reading.slice();
        let in_slice = record
            .time
            .filter(|time| (slice.start..=slice.end).contains(time));
        let time = in_slice.unwrap_or(slice.end);
        let known = self.cursor.seen.look(id);
        if known == DedupState::New {
            self.take_new(record)?;
        }
        if let Some(time) = in_slice.filter(|_| known == DedupState::New) {
            let state = &mut self.cursor.state;
            state.newest = state.newest.max(time.min(self.target));
        }
        // A page that is asked for again shows what was counted.
        if known != DedupState::InThisQuery || !reading.query.partial {
            self.call.measures.add("received", 1);
            self.call
                .measures
                .add("duplicates", u64::from(known != DedupState::New));
        }
        self.cursor.seen.note(id, time);
        Some(known != DedupState::InThisQuery)
    }

    /// Makes an event of a record; none when there is no room for it.
    fn take_new(&mut self, record: Record) -> Option<()> {
        match S::event(self.config, self.partition, &record) {
            Ok(event) => {
                if !self.batch.fits(size(&event)) {
                    return None;
                }
                self.batch.events.push(event);
            }
            Err(reason) => {
                if !self.batch.fits(record.raw.len() as u64) {
                    return None;
                }
                self.batch.rejected.push(Rejected {
                    id: record.id,
                    reason,
                    raw: self.call.without_token(record.raw).into_bytes(),
                });
            }
        }
        Some(())
    }

    /// Goes on to the next page.
    fn follow(&mut self, mut reading: WindowScan, link: String, is_stuck: bool) -> Result<(), Failure> {
        let hash = xxh3_64(link.as_bytes());
        if is_stuck || link.len() > LONGEST_LINK || reading.query.links.contains(&hash) {
            self.call.measures.add_labelled("anomalies", "next_link", 1);
            // The page is asked for again, and its records are known then.
            reading.query.partial = true;
            self.cursor.state.reading = Some(reading);
            let message = "the pages of the upstream repeat, or lead nowhere";
            return Err(Failure::retry("upstream.odd_answer", message));
        }
        if reading.query.links.len() >= LINKS_REMEMBERED {
            reading.query.links.remove(0);
        }
        reading.query.links.push(hash);
        reading.query.link = Some(link);
        if reading.query.pages >= MOST_PAGES {
            self.narrow(&mut reading, 2, "page_cap");
        }
        self.cursor.state.reading = Some(reading);
        Ok(())
    }

    /// The slice is read: moves the pointers.
    fn finish_slice(&mut self, mut reading: WindowScan) {
        let Cursor { state, seen } = &mut self.cursor;
        state.slice = reading.next_width(state.slice, self.law.window);
        reading.finish_slice(state.slice);
        state.pointers.cover(reading.covered(), reading.asked, None);
        seen.forget_before(state.pointers.settled(), std::iter::empty());
        seen.start_query();
        state.reading = (!reading.is_over()).then_some(reading);
        self.slices += 1;
    }

    /// Asks for the same again from its first page, or for less. Returns the failure if there is nothing to try.
    fn repair(&mut self, failure: Failure) -> Option<Failure> {
        let Some(mut reading) = self.cursor.state.reading.take() else {
            return Some(failure);
        };
        let is_paged = reading.query.link.is_some();
        let of_link = is_paged && failure.retry_after.is_none() && failure.code != "upstream.throttled";
        let is_due = self.repairs < MOST_REPAIRS && !self.call.is_late();
        let is_stale = of_link && reading.query.restarts == 0;
        let mut repaired = is_due
            && !is_stale
            && (of_link || failure.may_be_size())
            && self.narrow(&mut reading, 4, "smaller");
        if is_due && of_link && !repaired {
            // A stored link lives for a while only.
            reading.restart();
            self.cursor.seen.start_query();
            self.call.measures.add_labelled("retries", "stale_link", 1);
            repaired = true;
        }
        self.repairs += u32::from(repaired);
        self.cursor.state.reading = Some(reading);
        (!repaired).then_some(failure)
    }

    /// Begins the slice again with a part of its width; what it has shown already is recognised by its ids. False when it is
    /// as narrow as can be.
    fn narrow(&mut self, reading: &mut WindowScan, parts: u64, reason: &'static str) -> bool {
        let Some(width) = reading.narrow(parts) else {
            return false;
        };
        self.cursor.state.slice = Some(width);
        self.cursor.seen.start_query();
        self.call.measures.add_labelled("retries", reason, 1);
        let text = format!(
            "reading {} at a time from {} on: {reason}",
            duration::format(width),
            rfc3339(reading.position)
        );
        self.call.log(Level::Info, &text);
        true
    }

    fn finish(mut self, end: End) -> Result<Batch, Error> {
        let next_in = match end {
            End::CaughtUp => None,
            End::Full => Some(0),
            // What came before is a shorter batch; the failure shows on the next poll.
            End::Failed(failure) if self.is_progress(&failure) => {
                let text = format!("{}; what came before is delivered", failure.message);
                self.call.log(Level::Warn, &text);
                Some(failure.retry_after.unwrap_or(SECOND))
            }
            End::Failed(failure) => return Err(self.call.error(failure)),
        };
        let state = &self.cursor.state;
        if state.newest > 0 {
            let lag = self.target.saturating_sub(state.newest) / SECOND;
            self.call.measures.set("lag_seconds", lag);
        }
        let progress = Progress {
            start: state.start,
            position: state.pointers.watermark,
            target: self.target,
        };
        Ok(Batch {
            cursor: self.cursor.encode(S::CURSOR_FORMAT),
            events: self.batch.events,
            rejected: self.batch.rejected,
            session: self.call.session_change(),
            caught_up: next_in.is_none(),
            next_in,
            progress: Some(progress),
            measures: self.call.measures.into_list(),
        })
    }

    /// Whether this poll got anywhere before the failure. One that the pages themselves cause comes back after every page, so
    /// that reading pages alone is no progress then, nor is reading the same ones again.
    fn is_progress(&self, failure: &Failure) -> bool {
        let of_pages = failure.code == "upstream.odd_answer" || self.repairs > 0;
        self.batch.items() > 0 || self.slices > 0 || (self.pages > 0 && !of_pages)
    }
}
