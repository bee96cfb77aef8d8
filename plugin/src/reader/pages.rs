//! What a page means: its records, and where the next page is.

use super::Reader;
use super::phases::{Fate, held};
use crate::arm::transport_failure;
use crate::contract::Timestamp;
use crate::dedup_window::DedupState;
use crate::event::Outcome;
use crate::fault::Failure;
use crate::fault::arm::{foreign_link, odd_items};
use crate::http::Body;
use crate::json::bytes;
use crate::link;
use crate::open::OpenRange;
use crate::page::{self, NextLink};
use crate::record::Record;
use crate::window_scan::{MANY_PAGES, MOST_PAGES, WindowScan};

/// Longer links would not fit into a cursor beside the ids. Real ones have some hundred bytes.
const LONGEST_LINK: usize = 32 * 1024;

/// Links remembered to notice a circle; a longer circle is found by its pages.
const LINKS_REMEMBERED: usize = 2 * MANY_PAGES as usize;

/// What a page has shown.
#[derive(Default)]
struct Shown {
    /// Its records.
    records: u32,
    /// Whether any of them had not been shown by its query before.
    brought_new: bool,
    /// Its records, those aside that were taken when it was read the last time.
    received: u64,
    /// Those of them that were known.
    duplicates: u64,
    /// Items that cannot be made events, and were left for another attempt.
    withheld: u64,
}

impl Reader<'_> {
    /// Takes the records of a page and decides what comes next. Stops inside the page when the batch is full, or where
    /// the page is broken: it is then asked for again, and its ids tell what was taken.
    pub(super) fn take_page(&mut self, body: Body) -> Result<(), Failure> {
        let Some(mut reading) = self.cursor.state.reading.take() else {
            return Ok(());
        };
        let mut shown = Shown::default();
        let failure = transport_failure(self.arm.settings);
        let pieces = body.map(|piece| piece.map_err(&failure));
        let read = page::read(pieces, |record| self.take(record, &mut reading, &mut shown));
        self.arm.measures.add("received", shown.received);
        self.arm.measures.add("duplicates", shown.duplicates);
        let next_link = match read {
            Ok(Some(next_link)) => next_link,
            unfinished => {
                reading.query.partial = true;
                self.cursor.state.reading = Some(reading);
                return unfinished.map(|_| ());
            }
        };
        self.cursor.state.told = None;
        self.cursor.state.page_size = self.cursor.state.page_size.max(shown.records);
        if shown.withheld > 0 {
            reading.query.partial = true;
            self.cursor.state.reading = Some(reading);
            return Err(odd_items(shown.withheld));
        }
        self.pages += 1;
        self.arm.measures.add("pages", 1);
        reading.query.pages += 1;
        let resumed = std::mem::take(&mut reading.query.partial);
        let stuck = shown.records > 0 && !shown.brought_new && !resumed;
        let followed = self.follow(&mut reading, next_link, stuck);
        if !reading.is_over() {
            self.cursor.state.reading = Some(reading);
        }
        let evicted = self.cursor.seen.forget_excess(self.cursor.ends.places());
        self.arm.measures.add("dedupe_evicted", evicted);
        followed
    }

    /// Takes a record into the batch, unless it is known. None when the batch is full.
    fn take(&mut self, record: &Record<'_>, reading: &mut WindowScan, shown: &mut Shown) -> Option<()> {
        let id = record
            .id()
            .map_or_else(|| bytes::hash(record.raw()), |id| bytes::hash(id.as_bytes()));
        // The service says that the record lies in the range. Where its own time says otherwise it may be anywhere in there,
        // and its id is kept as long as one at the end.
        let range = reading.position..=reading.query.end;
        let time = record
            .time()
            .filter(|time| range.contains(time))
            .unwrap_or(reading.query.end);
        let (mut known_as, mut sight) = (id, self.cursor.seen.look(id));
        if record.error().is_some() || record.time().is_none() {
            if sight == DedupState::New && !reading.query.resigned {
                shown.withheld += 1;
                return Some(());
            }
            reading.query.odd = true;
        }
        if sight == DedupState::New {
            let held_as = held(id);
            sight = self.cursor.seen.look(held_as);
            let fate = self.fate(record, reading);
            match fate {
                Fate::Held => {
                    Reader::hold(record.time(), reading);
                    known_as = held_as;
                }
                Fate::Over => self.arm.measures.add_labelled("dropped", "phases", 1),
                Fate::Wanted => {
                    self.take_new(record)?;
                }
                Fate::Ends(operation) => {
                    // An end that cannot be made an event tells nobody how the operation went.
                    if self.take_new(record)? {
                        let ended = record.time().unwrap_or(time);
                        self.cursor.ends.note(operation, ended);
                    }
                }
            }
            if sight == DedupState::New {
                self.note_lateness(record.time(), record.submitted());
            }
            self.cursor.seen.note(known_as, time);
        }
        shown.records += 1;
        if sight != DedupState::InThisQuery {
            reading.query.note_order(time);
        }
        match sight {
            DedupState::InThisQuery if reading.query.partial => return Some(()),
            DedupState::InThisQuery => {}
            DedupState::Before | DedupState::New => {
                shown.brought_new = true;
                self.cursor.seen.note(known_as, time);
            }
        }
        reading.query.news |= sight == DedupState::New;
        shown.received += 1;
        shown.duplicates += u64::from(sight != DedupState::New);
        Some(())
    }

    /// Makes an event of a record not seen before. Says whether it is one, or was left out by a rule; none when there is no
    /// room for it.
    fn take_new(&mut self, record: &Record<'_>) -> Option<bool> {
        if self.batch.is_full() {
            return None;
        }
        let mut outcome = self.normalizer.apply(record);
        if let Outcome::Rejected(rejected) = &mut outcome {
            self.arm.clean(rejected);
        }
        let is_event = !matches!(outcome, Outcome::Rejected(_));
        if let Outcome::Dropped { rule } = outcome {
            let rules = &self.arm.settings.events.drop;
            let label = rules.get(rule).map_or("", |rule| rule.label());
            self.arm.measures.add_labelled("dropped", label, 1);
        } else if !self.batch.put(outcome) {
            return None;
        }
        Some(is_event)
    }

    fn note_lateness(&mut self, time: Option<Timestamp>, submitted: Option<Timestamp>) {
        let Some(submitted) = submitted else { return };
        self.cursor.state.newest = self.cursor.state.newest.max(submitted.min(self.target));
        if let Some(time) = time {
            self.arm.measures.lateness(submitted.saturating_sub(time));
        }
    }

    /// Goes on to the next page, or on from the end of the slice.
    fn follow(&mut self, reading: &mut WindowScan, next: NextLink, stuck: bool) -> Result<(), Failure> {
        let path = self.partition.log_path();
        let leads_on = |text: &String| {
            text.len() <= LONGEST_LINK
                && link::leads_to(text, &self.arm.settings.cloud.resource_manager, &path)
        };
        let text = match next {
            NextLink::End => {
                reading.circles = 0;
                self.finish_slice(reading);
                return Ok(());
            }
            NextLink::Url(text) if leads_on(&text) => text,
            NextLink::Url(_) | NextLink::Odd(_) => {
                let kind = if matches!(next, NextLink::Odd(_)) {
                    "next_link"
                } else {
                    "foreign_link"
                };
                self.arm.measures.add_labelled("anomalies", kind, 1);
                // The page is asked for again, and its records are known then.
                reading.query.partial = true;
                return Err(foreign_link());
            }
        };
        let link = link::sendable(&text);
        let hash = bytes::hash(link.as_bytes());
        if stuck || reading.query.links.contains(&hash) {
            self.leave_circle(reading);
            return Ok(());
        }
        if reading.query.pages >= MOST_PAGES && self.narrow(reading, 2, "page_cap") {
            return Ok(());
        }
        if reading.query.links.len() >= LINKS_REMEMBERED {
            reading.query.links.remove(0);
        }
        reading.query.links.push(hash);
        reading.query.link = Some(link);
        Ok(())
    }

    /// The slice is read: moves the pointers.
    pub(super) fn finish_slice(&mut self, reading: &mut WindowScan) {
        self.note_slice(reading);
        let state = &mut self.cursor.state;
        state.slice = reading.next_width(state.slice, self.arm.settings.window);
        reading.finish_slice(state.slice);
        state
            .pointers
            .cover(reading.covered(), reading.asked, reading.held);
        let open = state.open.iter().map(OpenRange::range);
        self.cursor
            .ends
            .forget_before(state.pointers.settled(), open.clone());
        self.cursor.seen.forget_before(state.pointers.settled(), open);
        self.cursor.seen.start_query();
        self.slices += 1;
    }
}
