//! What a poll has gathered so far, within its budget.

use crate::contract::{Budget, Event, Rejected};
use crate::event::Outcome;

/// Events and rejected items of one batch.
#[derive(Debug)]
pub struct BatchBuilder {
    /// The events.
    pub events: Vec<Event>,
    /// What could not be made an event.
    pub rejected: Vec<Rejected>,
    items: usize,
    bytes: u64,
    most_items: usize,
    most_bytes: u64,
    /// Something was left out for its size.
    overflowed: bool,
}

impl BatchBuilder {
    /// An empty batch for a budget. A budget of nothing still takes one item, or no poll would get anywhere.
    pub fn new(budget: &Budget) -> BatchBuilder {
        BatchBuilder {
            events: Vec::new(),
            rejected: Vec::new(),
            items: 0,
            bytes: 0,
            most_items: (budget.max_events as usize).max(1),
            most_bytes: budget.max_bytes,
            overflowed: false,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Whether it holds as many items as allowed, or has left one out for its size.
    pub fn is_full(&self) -> bool {
        self.items >= self.most_items || self.overflowed
    }

    /// Whether a page of so many records, each as large as those that are here, would be broken off here and have room in an
    /// empty batch. It would have to be asked for again, so that it is better left for the next poll.
    pub fn would_break_off(&self, records: u32) -> bool {
        let records = u64::from(records);
        let items = self.items as u64;
        let bytes = records * self.bytes.checked_div(items).unwrap_or_default();
        let fits = |items: u64, bytes: u64| items <= self.most_items as u64 && bytes <= self.most_bytes;
        fits(records, bytes) && !fits(items + records, self.bytes + bytes)
    }

    /// Puts an outcome in. False when it does not fit any more and was left out.
    pub fn put(&mut self, outcome: Outcome) -> bool {
        let size = match &outcome {
            Outcome::Event(event) => event.body.len(),
            Outcome::Rejected(rejected) => rejected.raw.len(),
            Outcome::Dropped { .. } => return true,
        } as u64;
        self.overflowed |= !self.is_empty() && self.bytes + size > self.most_bytes;
        if self.is_full() {
            return false;
        }
        self.items += 1;
        self.bytes += size;
        match outcome {
            Outcome::Event(event) => self.events.push(event),
            Outcome::Rejected(rejected) => self.rejected.push(rejected),
            Outcome::Dropped { .. } => {}
        }
        true
    }
}
