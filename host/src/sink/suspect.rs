//! An event that a receiver refused alone, and the proof that the event is to blame and not the receiver.
//!
//! The proof is a sequence: the receiver accepts other events, refuses this one three times in a row, and accepts other
//! events again. Requests that are accepted count only if they are at least as large as the event: a receiver without
//! space takes small requests and refuses the next larger one.

/// Refusals in a row between two acceptances. Three, since a receiver that takes every second request gives any event one.
const REFUSALS: u8 = 3;

#[derive(Debug)]
pub(super) struct Suspect {
    /// Its place in the delivery.
    pub(super) place: usize,
    /// What the receiver said last.
    pub(super) reason: String,
    /// Bytes that another request must have to count.
    pub(super) size: usize,
    /// Refusals since the last acceptance of others.
    refusals: u8,
    /// Whether others were accepted before these refusals.
    is_opened: bool,
    is_proven: bool,
}

impl Suspect {
    /// An event of `size` bytes that was refused. `largest` is the largest request accepted before. With `is_too_large`
    /// the receiver gives the size as the reason, and every other request counts.
    pub(super) fn new(place: usize, reason: String, size: usize, is_too_large: bool, largest: usize) -> Self {
        let size = if is_too_large { 1 } else { size };
        Self {
            place,
            reason,
            size,
            refusals: 1,
            is_opened: largest >= size,
            is_proven: false,
        }
    }

    /// Whether it is to blame.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Whether it has to be sent again before others are.
    pub(super) fn wants_refusal(&self) -> bool {
        !self.is_proven && self.refusals < REFUSALS
    }

    /// Notes one more refusal.
    pub(super) fn refused(&mut self, reason: String) {
        self.refusals = self.refusals.saturating_add(1);
        self.reason = reason;
    }

    /// Notes that a request of `size` bytes with other events was accepted.
    pub(super) fn others_accepted(&mut self, size: usize) {
        if size < self.size || self.is_proven {
            return;
        }
        self.is_proven = self.is_opened && self.refusals >= REFUSALS;
        self.is_opened = true;
        self.refusals = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a sequence: `A` others accepted, `a` a smaller request accepted, `R` refused. The first refusal is the one
    /// that makes the suspect.
    fn is_proven(largest: usize, is_too_large: bool, sequence: &str) -> bool {
        let mut suspect = Suspect::new(0, String::new(), 100, is_too_large, largest);
        for step in sequence.chars() {
            match step {
                'A' => suspect.others_accepted(100),
                'a' => suspect.others_accepted(99),
                _ => suspect.refused(String::new()),
            }
        }
        suspect.is_proven()
    }

    #[test]
    fn an_event_is_to_blame_between_two_acceptances_that_are_no_smaller() {
        for (largest, is_too_large, sequence, expected) in [
            (100, false, "RRA", true),
            (99, false, "RRA", false),
            (0, false, "RRARRRA", true),
            (100, false, "RA", false),
            (100, false, "RRa", false),
            (100, false, "RARARARARA", false),
            (100, false, "RARRRA", true),
            (1, true, "RRa", true),
            (100, false, "RR", false),
        ] {
            assert_eq!(
                is_proven(largest, is_too_large, sequence),
                expected,
                "{largest} {is_too_large} {sequence}"
            );
        }
    }
}
