//! Which records of an operation are delivered, where the operator does not want all of them.
//!
//! ```text
//!   start            accepted                  end
//! ────┼─────────────────┼───────────────────────┼──────▶
//!     held              held                    delivered; the other two are left out
//! ```
//!
//! A record that is not wanted is held: it is not delivered, and its id is not noted as delivered. It need not be stored,
//! since all that is held is read again: the oldest revisit pointer never passes it (see [`WindowScan::held`]). When it is
//! read again its operation has ended, and it is left out permanently; or the look-back is over without an end, and it is
//! delivered like any other.

use super::Reader;
use crate::contract::Timestamp;
use crate::facts::{Phase, Step};
use crate::instant::whole_millis;
use crate::record::Record;
use crate::window_scan::WindowScan;

/// What becomes of a record that was not delivered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is delivered.
    Wanted,
    /// It is delivered, and ends its operation.
    Ends(u64),
    /// Its operation has ended: it is left out.
    Over,
    /// It waits for the end of its operation.
    Held,
}

/// The name under which an id is remembered that was shown, and held.
pub(super) fn held(id: u64) -> u64 {
    !id.rotate_left(32)
}

impl Reader<'_> {
    /// Decides about a record that was not delivered yet.
    pub(super) fn fate(&self, record: &Record<'_>, reading: &WindowScan) -> Fate {
        let wanted = &self.arm.settings.phases;
        if wanted.len() == Phase::ALL.len() || record.error().is_some() {
            return Fate::Wanted;
        }
        let (Some(time), Some(step)) = (record.time(), Step::of(record)) else {
            return Fate::Wanted;
        };
        match step.phase {
            Phase::End => Fate::Ends(step.operation),
            phase if wanted.contains(&phase) => Fate::Wanted,
            _ if self.cursor.ends.has(step.operation, time) => Fate::Over,
            _ if self.can_wait(time, reading) => Fate::Held,
            _ => Fate::Wanted,
        }
    }

    /// Whether a record of that time is sure to be read again, and its operation may still end within the look-back.
    fn can_wait(&self, time: Timestamp, reading: &WindowScan) -> bool {
        let pointers = &self.cursor.state.pointers;
        let in_range = (reading.position..=reading.query.end).contains(&time);
        if !in_range || time < pointers.settled() {
            return false;
        }
        let lookback = self.arm.settings.lookback;
        let oldest = pointers.revisits.last().map_or(0, |revisit| revisit.age);
        let is_young = time.saturating_add(oldest) > reading.asked;
        // Everything that happened within the look-back of the record has to have been read, whatever is in this query.
        let known = match reading.query.newest_first(time) {
            true => pointers.watermark.max(reading.query.end),
            false => pointers.watermark,
        };
        is_young || time.saturating_add(lookback) > known
    }

    /// Notes that a record is held, so that it is read again.
    pub(super) fn hold(time: Option<Timestamp>, reading: &mut WindowScan) {
        let time = whole_millis(time.unwrap_or(reading.position));
        reading.held = Some(reading.held.map_or(time, |held| held.min(time)));
    }
}
