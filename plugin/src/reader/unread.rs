//! What to do about a part of the log that cannot be read however it is asked for, while the rest can: pass over it, leave
//! it open, and ask for it again later.
//!
//! ```text
//!   read        odd        odd      read: now it is known that only these two are
//! ──────────┼──────────┼──────────┼──────────┼───▶
//!                 passed over
//! ```
//!
//! Whether the trouble is in the log's part or in the service as a whole shows only behind it. As long as nothing behind it
//! was readable either, nothing has been passed over: the poll fails, and reading begins again before it.

use super::Reader;
use crate::fault::{Failure, Kind};
use crate::http::Level;
use crate::instant;
use crate::lookback::Range;
use crate::open::{self, Noted};
use crate::window_scan::WindowScan;

/// So many slices in a row are passed over in one poll to see whether a later one is readable.
const MOST_SKIPPED: usize = 2;

impl Reader<'_> {
    /// Goes on behind what cannot be read, if it may be no more than a part of the log. Returns the failure if it cannot.
    pub(super) fn pass_over(&mut self, failure: Failure) -> Option<Failure> {
        let mut reading = self.cursor.state.reading.take()?;
        if failure.kind == Kind::OddItems {
            // The page itself is good. They go to where operators find what is no event.
            reading.query.resigned = true;
            self.cursor.state.reading = Some(reading);
            return None;
        }
        if reading.reopened {
            // Nothing waits for it: it is asked for again later.
            let rest = Range {
                start: reading.position,
                end: reading.end,
            };
            self.note_open(rest, false);
            return (!may_be_a_part(failure.kind)).then_some(failure);
        }
        let full = self.cursor.state.open.len() + self.skipped.len() >= open::MOST;
        if !may_be_a_part(failure.kind) || full || self.skipped.len() >= MOST_SKIPPED || self.is_late() {
            self.cursor.state.reading = Some(reading);
            return Some(failure);
        }
        self.before_skip.get_or_insert_with(|| reading.clone());
        self.skipped.push(reading.skip());
        if reading.is_over() && reading.end < self.target {
            // What has come since then tells as well.
            reading.extend(self.target);
        }
        let over = reading.is_over();
        self.cursor.state.reading = Some(reading);
        self.cursor.seen.start_query();
        over.then_some(failure)
    }

    /// Takes back what was passed over and not confirmed by anything readable behind it.
    pub(super) fn unskip(&mut self) {
        self.skipped.clear();
        if let Some(reading) = self.before_skip.take() {
            self.cursor.state.reading = Some(reading);
            self.cursor.seen.start_query();
        }
    }

    /// A slice was read: what was passed over before it stays open, and so does the slice itself if it was odd.
    pub(super) fn note_slice(&mut self, reading: &WindowScan) {
        self.before_skip = None;
        for range in std::mem::take(&mut self.skipped) {
            self.note_open(range, false);
        }
        let slice = reading.slice();
        let open = &mut self.cursor.state.open;
        if reading.query.odd {
            self.note_open(slice, true);
        } else if open::close(open, slice) {
            let text = format!("the log is readable again {}", told(slice));
            self.arm.world.log(Level::Info, &text);
        }
    }

    fn note_open(&mut self, range: Range, is_kept: bool) {
        let noted = open::note(&mut self.cursor.state.open, range, is_kept, self.target);
        let text = match (noted, is_kept) {
            (Noted::Known, _) => return,
            (Noted::New, false) => format!(
                "the log cannot be read {}, what comes after it can: it is asked for again until it is readable",
                told(range)
            ),
            (Noted::New, true) => format!(
                "the log has odd answers {}: what could be read of them is delivered, and they are asked for again for a week",
                told(range)
            ),
            (Noted::Reminder(since), _) => format!(
                "the log is still not readable as it should be {}, since {}",
                told(range),
                instant::rfc3339(since)
            ),
        };
        if noted == Noted::New {
            self.arm.measures.add_labelled("anomalies", "open_range", 1);
        }
        self.arm.world.log(Level::Warn, &text);
    }
}

/// Whether what failed may be one part of the log, and not the way there or the service as a whole.
fn may_be_a_part(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::BadRequest
            | Kind::ServerError
            | Kind::ForeignLink
            | Kind::OddPage
            | Kind::TooLarge
            | Kind::CutOff
    )
}

fn told(range: Range) -> String {
    format!(
        "from {} to {}",
        instant::rfc3339(range.start),
        instant::rfc3339(range.end)
    )
}
