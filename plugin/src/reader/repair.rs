//! What to do when a request or its paging fails: try a narrower slice, or give the failure to the host.

use super::Reader;
use crate::contract::{Fault, Nanos};
use crate::duration::{self, DAY, HOUR};
use crate::fault::{Failure, Kind};
use crate::http::Level;
use crate::instant;
use crate::window_scan::WindowScan;

/// Most repairs in one poll, each costing a request: enough to go from a window of six hours to a minute or two.
const MOST_REPAIRS: u32 = 4;

/// Azure keeps 90 days. A window that begins later than this is never refused for its age by a service in order.
const SURELY_KEPT: Nanos = 85 * DAY;

/// So many circles in a row without anything new are the end of the pages.
const CIRCLES_TO_BELIEVE: u32 = 3;

/// The kind of anomaly that an odd answer counts as.
fn anomaly(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::OddPage => Some("odd_page"),
        Kind::OddItems => Some("odd_item"),
        _ => None,
    }
}

impl Reader<'_> {
    /// Repairs the reading if it can. Returns the failure if it cannot.
    pub(super) fn absorb(&mut self, mut failure: Failure) -> Option<Failure> {
        let mut reading = self.cursor.state.reading.take()?;
        let paged = reading.query.link.is_some();
        if paged && failure.kind == Kind::BadRequest {
            // The link is Azure's own: no configuration is to blame, and another day it may be good.
            failure.error.fault = Fault::Retry;
            failure.error.hint = None;
        }
        if failure.kind == Kind::TooFarBack && self.repairs < MOST_REPAIRS {
            if reading.position > self.target.saturating_sub(SURELY_KEPT) {
                // Azure keeps this time, whatever it says.
                self.cursor.state.reading = Some(reading);
                return Some(failure);
            }
            // Azure's edge lies later than expected: give up an hour, then four, sixteen and sixty-four more.
            let step = HOUR << (2 * self.repairs);
            self.repairs += 1;
            self.raise(reading.position.saturating_add(step).min(self.target));
            return None;
        }
        if let Some(kind) = anomaly(failure.kind) {
            self.arm.measures.add_labelled("anomalies", kind, 1);
        }
        let repaired = self.repairs < MOST_REPAIRS && !self.is_late() && self.repair(&failure, &mut reading);
        self.repairs += u32::from(repaired);
        self.cursor.state.reading = Some(reading);
        if repaired { None } else { self.pass_over(failure) }
    }

    /// Asks again: first for the same, then for less.
    fn repair(&mut self, failure: &Failure, reading: &mut WindowScan) -> bool {
        let paged = reading.query.link.is_some();
        match failure.kind {
            // What is odd once may be good when it is asked for again; the page's place is known.
            Kind::OddPage | Kind::OddItems | Kind::ForeignLink if self.repairs == 0 => {
                self.arm.measures.add_labelled("retries", "odd_answer", 1);
                true
            }
            Kind::OddPage | Kind::OddItems => self.narrow(reading, 4, "odd_answer"),
            // A stored link lives for a while only. The first time it is the link that is stale, then the paging itself
            // is broken.
            Kind::BadRequest if paged && reading.query.restarts == 0 => {
                self.restart(reading);
                self.arm.measures.add_labelled("retries", "stale_link", 1);
                true
            }
            Kind::BadRequest if paged => self.narrow(reading, 2, "stale_link"),
            // Azure has answered so where it had failed inside.
            Kind::BadRequest if failure.error.code == "azure.bad_request" => {
                self.narrow(reading, 4, "bad_request")
            }
            Kind::ForeignLink => self.narrow(reading, 2, "foreign_link"),
            Kind::ServerError if paged => self.narrow(reading, 2, "server_error"),
            Kind::ServerError => self.narrow(reading, 4, "server_error"),
            Kind::TooLarge => self.narrow(reading, 4, "too_large"),
            // A page that ends early may be too large for something on the way, the host's own limit included.
            Kind::CutOff if reading.query.partial => self.narrow(reading, 4, "cut_off"),
            _ => false,
        }
    }

    /// Begins the slice again from its first page.
    fn restart(&mut self, reading: &mut WindowScan) {
        reading.restart();
        self.cursor.seen.start_query();
    }

    /// Begins the slice again with a part of its width; what it has shown already is recognised by its ids. False when
    /// it is as narrow as can be.
    pub(super) fn narrow(&mut self, reading: &mut WindowScan, parts: u64, reason: &'static str) -> bool {
        let Some(width) = reading.narrow(parts) else {
            return false;
        };
        self.cursor.state.slice = Some(width);
        self.cursor.seen.start_query();
        self.arm.measures.add_labelled("retries", reason, 1);
        let text = format!(
            "reading {} at a time from {} on: {reason}",
            duration::format(width),
            instant::rfc3339(reading.position)
        );
        self.arm.world.log(Level::Info, &text);
        true
    }

    /// The pages of a query go round in a circle: a fault that passes, a part of the log that is out of reach, or the way
    /// in which some of Azure's answers end. Narrower slices tell. They reach what was hidden; when several in a row go
    /// round in circles too and show nothing that the wider ones had not, the circle is taken as the end.
    pub(super) fn leave_circle(&mut self, reading: &mut WindowScan) {
        self.arm.measures.add_labelled("anomalies", "paging_loop", 1);
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
        reading.query.odd = true;
        self.finish_slice(reading);
    }
}
