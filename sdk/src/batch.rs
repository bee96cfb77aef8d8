//! What a poll has gathered so far, within its budget.

use crate::contract::{Budget, Event, Rejected};

/// Events and rejected items of one batch.
#[derive(Debug)]
pub struct BatchBuilder {
    /// The events.
    pub events: Vec<Event>,
    /// What could not be made an event.
    pub rejected: Vec<Rejected>,
    bytes: u64,
    most_items: usize,
    most_bytes: u64,
    /// Something was left out for its size.
    overflowed: bool,
}

impl BatchBuilder {
    /// An empty batch for a budget. A budget of nothing still takes one item, or no poll would get anywhere.
    pub fn new(budget: &Budget) -> Self {
        Self {
            events: Vec::new(),
            rejected: Vec::new(),
            bytes: 0,
            most_items: (budget.max_events as usize).max(1),
            most_bytes: budget.max_bytes,
            overflowed: false,
        }
    }

    /// Events and rejected items so far.
    pub fn items(&self) -> usize {
        self.events.len() + self.rejected.len()
    }

    /// Whether it holds as many items as allowed, or has left one out for its size.
    pub fn is_full(&self) -> bool {
        self.items() >= self.most_items || self.overflowed
    }

    /// Whether an item of so many bytes fits: if so it is counted, and to be put in now. The first always fits.
    pub fn fits(&mut self, bytes: u64) -> bool {
        self.overflowed |= self.items() > 0 && self.bytes + bytes > self.most_bytes;
        if self.is_full() {
            return false;
        }
        self.bytes += bytes;
        true
    }
}

/// The bytes of an event that count: those of its body.
pub fn size(event: &Event) -> u64 {
    event.body.len() as u64
}
