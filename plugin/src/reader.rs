//! One poll: reads on from the cursor until nothing is due, the budget is used up, or something fails.

mod pages;
mod phases;
mod repair;
mod unread;

use crate::arm::{Arm, last_answer, log_url};
use crate::batch_builder::BatchBuilder;
use crate::config::{Settings, Start, Subscriptions};
use crate::contract::{Batch, Error, Fault, Nanos, Progress, Request, Timestamp};
use crate::cursor::Cursor;
use crate::duration::{DAY, HOUR, MINUTE, SECOND};
use crate::event::Normalizer;
use crate::fault::arm::UNNAMED_WAIT;
use crate::fault::{Failure, Kind};
use crate::http::{Level, Platform};
use crate::instant::{self, whole_millis};
use crate::lookback::{self, Range};
use crate::open;
use crate::partition::Partition;
use crate::window_scan::WindowScan;

/// What Azure keeps, less some slack: a request takes time to arrive, and clocks differ.
const RETENTION: Nanos = 90 * DAY - 10 * MINUTE;

/// The part of the deadline after which no further request is begun.
const LAST_REQUEST_PERCENT: Nanos = 60;

/// A watermark so far ahead of the clock means that the clock was wrong once.
const CLOCK_TOLERANCE: Nanos = 5 * MINUTE;

/// How soon the host may call again after a shorter batch: the failure shows then, if it lasts.
const SOON: Nanos = SECOND;

/// A stream that is read for the first time within so long after the source's first call begins where it would have begun
/// then. Later it is a new one.
const LONGEST_DELAY: Nanos = DAY;
/// Less than this is the usual time from a source's first call to a stream's.
const SHORTEST_DELAY: Nanos = 15 * SECOND;

/// Why reading ended.
enum StopReason {
    /// Nothing more is due.
    CaughtUp,
    /// The budget is used up; more is ready.
    Full,
    /// A request failed.
    Failed(Failure),
}

/// One poll of one partition.
struct Reader<'a> {
    arm: Arm<'a>,
    partition: &'a Partition,
    cursor: Cursor,
    normalizer: Normalizer,
    batch: BatchBuilder,
    /// The instant to reach.
    target: Timestamp,
    /// No request is begun after so much time.
    last_request: Nanos,
    pages: u32,
    slices: u32,
    repairs: u32,
    /// Slices passed over since the last one that was readable, and the reading as it was before the first of them.
    skipped: Vec<Range>,
    before_skip: Option<WindowScan>,
    /// All that is new has been read: only what is still open is asked for.
    only_open: bool,
}

/// Polls a partition.
pub fn poll(
    world: &mut dyn Platform,
    settings: &Settings,
    partition: &Partition,
    request: &Request,
) -> Result<Batch, Error> {
    let target = whole_millis(world.now());
    let arm = Arm::new(
        world,
        settings,
        request.session.as_deref(),
        last_answer(request.budget.deadline),
    );
    let cursor = match &request.cursor {
        Some(bytes) => Cursor::decode(bytes).map_err(|error| {
            Failure::new(Fault::InvalidCursor, "cursor.unreadable", error.to_string())
                .hint("run the version that wrote it; or reset the state of this partition, which reads again from `start`")
                .error
        })?,
        None => {
            // A moment is not worth a request of its own.
            let delays = target.saturating_sub(LONGEST_DELAY)..target.saturating_sub(SHORTEST_DELAY);
            let first = Some(arm.session.since).filter(|since| delays.contains(since));
            let start = first_start(settings.start, whole_millis(first.unwrap_or(target)));
            Cursor::new(start, settings.lookback)
        }
    };
    let mut reader = Reader {
        arm,
        partition,
        cursor,
        normalizer: Normalizer::new(settings.events.clone()),
        batch: BatchBuilder::new(&request.budget),
        target,
        last_request: request.budget.deadline / 100 * LAST_REQUEST_PERCENT,
        pages: 0,
        slices: 0,
        repairs: 0,
        skipped: Vec::new(),
        before_skip: None,
        only_open: false,
    };
    reader.adapt();
    let ending = reader.read_on();
    reader.finish(ending)
}

fn first_start(start: Start, now: Timestamp) -> Timestamp {
    match start {
        Start::Back(duration) => now.saturating_sub(duration),
        Start::At(instant) => instant.min(now),
    }
}

impl Reader<'_> {
    /// Fits the cursor to the clock, to what Azure still keeps, and to the configured look-back.
    fn adapt(&mut self) {
        let target = self.target;
        let lookback = self.arm.settings.lookback;
        let state = &mut self.cursor.state;
        state.pointers.adapt(lookback);
        if state.pointers.watermark > target.saturating_add(CLOCK_TOLERANCE) {
            let back = match state.newest {
                0 => first_start(self.arm.settings.start, target),
                newest => newest.min(target).saturating_sub(lookback),
            };
            state.start = state.start.min(back);
            let text = format!(
                "the clock was ahead when the cursor was written: reading again from {}",
                instant::rfc3339(back)
            );
            state.pointers.lower(back);
            state.reading = None;
            self.arm.world.log(Level::Error, &text);
        }
        let floor = whole_millis(target.saturating_sub(RETENTION));
        if self.cursor.state.pointers.settled() < floor {
            self.raise(floor);
        }
        open::expire(&mut self.cursor.state.open, floor, target);
    }

    /// Gives up what Azure no longer keeps.
    fn raise(&mut self, floor: Timestamp) {
        let state = &mut self.cursor.state;
        let text = format!(
            "Azure keeps 90 days: events from {} to {} are gone, reading begins after them",
            instant::rfc3339(state.pointers.settled()),
            instant::rfc3339(floor)
        );
        state.pointers.raise(floor);
        state.start = state.start.max(floor);
        state.reading = None;
        self.arm.measures.add_labelled("anomalies", "retention", 1);
        self.arm.world.log(Level::Warn, &text);
    }

    fn read_on(&mut self) -> StopReason {
        loop {
            if self.batch.is_full() || self.would_break_off() || (self.pages > 0 && self.is_late()) {
                return StopReason::Full;
            }
            let Some(url) = self.next_url() else {
                return StopReason::CaughtUp;
            };
            let is_last = self.is_last();
            match self.arm.get(&url).and_then(|answer| self.take_page(answer.body)) {
                Ok(()) => self.only_open |= is_last && self.cursor.state.reading.is_none(),
                Err(failure) => {
                    if let Some(failure) = self.absorb(failure) {
                        return StopReason::Failed(failure);
                    }
                }
            }
        }
    }

    /// Whether the next page, as far as can be told from those before, would be broken off and asked for again.
    fn would_break_off(&self) -> bool {
        let state = &self.cursor.state;
        let is_paging = state
            .reading
            .as_ref()
            .is_some_and(|reading| reading.query.link.is_some());
        is_paging && self.batch.would_break_off(state.page_size)
    }

    /// Whether it is too late to begin a request.
    fn is_late(&self) -> bool {
        self.arm.world.elapsed() > self.last_request
    }

    /// Whether there is nothing to read after the present reading: an earlier poll began it, to read all there was. What
    /// takes longer than a poll would else begin again at once, to be broken off again, for ever.
    fn is_last(&self) -> bool {
        let reading = self.cursor.state.reading.as_ref();
        reading.is_some_and(|reading| reading.to_now && reading.asked < self.target)
    }

    /// The page to ask for; none when nothing is due.
    fn next_url(&mut self) -> Option<String> {
        if self.cursor.state.reading.is_none() {
            self.cursor.state.reading = Some(self.next_reading()?);
            self.cursor.seen.start_query();
        }
        let reading = self.cursor.state.reading.as_ref()?;
        Some(match &reading.query.link {
            Some(link) => link.clone(),
            None => log_url(
                self.arm.settings,
                self.partition,
                reading.position,
                reading.query.end,
            ),
        })
    }

    fn next_reading(&mut self) -> Option<WindowScan> {
        let state = &mut self.cursor.state;
        state.busy = lookback::is_busy(self.cursor.seen.len(), state.page_size, state.busy);
        let fresh = match self.only_open {
            true => None,
            false => state
                .pointers
                .next(self.target, self.arm.settings.window, !state.busy),
        };
        let reopened = fresh.is_none();
        let range = fresh.or_else(|| open::due(&state.open, self.target))?;
        let to_now = !state.busy && !reopened && range.end == self.target;
        let asked = whole_millis(self.arm.world.now());
        Some(WindowScan {
            to_now,
            reopened,
            ..WindowScan::new(range, asked, state.slice)
        })
    }

    fn finish(mut self, ending: StopReason) -> Result<Batch, Error> {
        self.unskip();
        let without_log = matches!(&ending, StopReason::Failed(failure) if self.passes_over(failure));
        let caught_up = without_log || matches!(ending, StopReason::CaughtUp);
        let next_in = match ending {
            StopReason::Failed(failure) if without_log => {
                self.tell_no_log(&failure);
                None
            }
            StopReason::CaughtUp => None,
            StopReason::Full => Some(0),
            StopReason::Failed(failure) if self.is_progress(failure.kind) => {
                let text = format!("{}; what came before is delivered", failure.error.message);
                self.arm.world.log(Level::Warn, &text);
                Some(self.pause_after(&failure))
            }
            StopReason::Failed(failure) => {
                let session = Some(self.arm.session_bytes());
                return Err(Error {
                    session,
                    measures: self.arm.measures.into_list(),
                    ..failure.error
                });
            }
        };
        for (kind, count) in self.normalizer.take_anomalies() {
            self.arm.measures.add_labelled("anomalies", kind, count);
        }
        let state = &self.cursor.state;
        if state.newest > 0 {
            self.arm
                .measures
                .set("lag_seconds", self.target.saturating_sub(state.newest) / SECOND);
        }
        let position = state.pointers.watermark;
        let progress = Progress {
            start: state.start,
            position,
            target: self.target,
        };
        Ok(Batch {
            cursor: self.cursor.encode(),
            session: Some(self.arm.session_bytes()),
            next_in,
            caught_up,
            progress,
            events: self.batch.events,
            rejected: self.batch.rejected,
            measures: self.arm.measures.into_list(),
        })
    }

    /// Whether this poll got anywhere before the failure. Failures that the pages themselves cause come back after every
    /// page, so that reading pages alone is no progress then.
    fn is_progress(&self, kind: Kind) -> bool {
        let caused_by_pages = matches!(
            kind,
            Kind::BadRequest | Kind::ForeignLink | Kind::OddPage | Kind::OddItems
        );
        !self.batch.is_empty() || self.slices > 0 || (self.pages > 0 && !caused_by_pages)
    }

    /// Whether the stream is one that has no log, and that nobody has asked for by name.
    fn passes_over(&self, failure: &Failure) -> bool {
        failure.kind == Kind::NoLog && self.arm.settings.subscriptions == Subscriptions::All
    }

    /// Tells operators that the stream is passed over: once, and then once an hour.
    fn tell_no_log(&mut self, failure: &Failure) {
        let state = &mut self.cursor.state;
        let is_due = |told: Timestamp| self.target.saturating_sub(told) >= HOUR;
        if state.told.is_none_or(is_due) {
            state.told = Some(self.target);
            let text = format!("passed over, since {}", failure.error.message);
            self.arm.world.log(Level::Warn, &text);
        }
        self.arm.measures.add_labelled("anomalies", "no_log", 1);
    }

    fn pause_after(&mut self, failure: &Failure) -> Nanos {
        let least = match (failure.error.retry_after, failure.kind) {
            (Some(wait), _) => return wait,
            (None, Kind::Throttled) => UNNAMED_WAIT,
            (None, _) => SOON,
        };
        least + self.arm.world.random() % least
    }
}
