//! What to do when a request or its paging fails: try a narrower slice, or give the failure to the host.

use super::Reader;
use crate::contract::Fault;
use crate::fault::{Failure, Kind};
use crate::http::Level;
use crate::instant;
use crate::reading::Reading;
use crate::span::{self, HOUR};

/// Most repairs in one poll, each costing a request: enough to go from a window of six hours to a minute or two.
const MOST_REPAIRS: u32 = 4;

/// So many circles in a row without anything new are the end of the pages.
const CIRCLES_TO_BELIEVE: u32 = 3;

impl Reader<'_> {
    /// Repairs the reading if it can. Returns the failure if it cannot.
    pub(super) fn absorb(&mut self, mut failure: Failure) -> Option<Failure> {
        let Some(mut reading) = self.cursor.state.reading.take() else {
            return Some(failure);
        };
        let paged = reading.query.link.is_some();
        if paged && failure.kind == Kind::BadRequest {
            // The link is Azure's own: no configuration is to blame, and another day it may be good.
            failure.error.fault = Fault::Retry;
            failure.error.hint = None;
        }
        if self.repairs >= MOST_REPAIRS {
            self.cursor.state.reading = Some(reading);
            return Some(failure);
        }
        if failure.kind == Kind::TooFarBack {
            // Azure's edge lies later than expected: give up an hour, then four, sixteen and sixty-four more.
            let step = HOUR << (2 * self.repairs);
            self.repairs += 1;
            self.raise(reading.position.saturating_add(step).min(self.target));
            return None;
        }
        let repaired = match failure.kind {
            // A stored link lives for a while only. The first time it is the link that is stale, then the paging itself
            // is broken.
            Kind::BadRequest if paged && reading.query.restarts == 0 => {
                self.restart(&mut reading);
                self.arm.tally.add_labelled("retries", "stale_link", 1);
                true
            }
            Kind::BadRequest if paged => self.narrow(&mut reading, 2, "stale_link"),
            Kind::ForeignLink => self.narrow(&mut reading, 2, "foreign_link"),
            Kind::ServerError if paged => self.narrow(&mut reading, 2, "server_error"),
            Kind::ServerError => self.narrow(&mut reading, 4, "server_error"),
            Kind::TooLarge => self.narrow(&mut reading, 4, "too_large"),
            // A page that ends early may be too large for something on the way, the host's own limit included.
            Kind::CutOff if reading.query.partial => self.narrow(&mut reading, 4, "cut_off"),
            _ => false,
        };
        self.repairs += u32::from(repaired);
        self.cursor.state.reading = Some(reading);
        (!repaired).then_some(failure)
    }

    /// Begins the slice again from its first page.
    fn restart(&mut self, reading: &mut Reading) {
        reading.restart();
        self.cursor.seen.start_query();
    }

    /// Begins the slice again with a part of its width; what it has shown already is recognised by its ids. False when
    /// it is as narrow as can be.
    pub(super) fn narrow(&mut self, reading: &mut Reading, parts: u64, reason: &'static str) -> bool {
        let Some(width) = reading.narrow(parts) else {
            return false;
        };
        self.cursor.state.slice = Some(width);
        self.cursor.seen.start_query();
        self.arm.tally.add_labelled("retries", reason, 1);
        let text = format!(
            "reading {} at a time from {} on: {reason}",
            span::format(width),
            instant::rfc3339(reading.position)
        );
        self.arm.world.log(Level::Info, &text);
        true
    }

    /// The pages of a query go round in a circle: a fault that passes, a part of the log that is out of reach, or the way
    /// in which some of Azure's answers end. Narrower slices tell. They reach what was hidden; when several in a row go
    /// round in circles too and show nothing that the wider ones had not, the circle is taken as the end.
    pub(super) fn leave_circle(&mut self, reading: &mut Reading) {
        self.arm.tally.add_labelled("anomalies", "paging_loop", 1);
        reading.circles = if reading.query.news {
            0
        } else {
            reading.circles + 1
        };
        if reading.circles < CIRCLES_TO_BELIEVE {
            if !self.narrow(reading, 2, "paging_loop") {
                self.restart(reading);
            }
            return;
        }
        let text = format!(
            "the pages from {} to {} repeat without an end: taking them as complete",
            instant::rfc3339(reading.position),
            instant::rfc3339(reading.query.end)
        );
        self.arm.world.log(Level::Warn, &text);
        self.finish_slice(reading);
    }
}
