//! Finding the event that a receiver refuses in a batch: send halves, and halves of halves.

use std::ops::Range;

/// The parts of a batch that are still to be sent, in order.
pub(super) struct Halves(Vec<Range<usize>>);

impl Halves {
    /// The whole batch.
    #[expect(clippy::single_range_in_vec_init, reason = "one part, not its numbers")]
    pub(super) fn of(length: usize) -> Self {
        Self(vec![0..length])
    }

    /// The next part to send.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.0.pop()
    }

    /// Sends a part of several events again in two.
    pub(super) fn halve(&mut self, part: Range<usize>) {
        let middle = part.start + part.len() / 2;
        self.0.extend([middle..part.end, part.start..middle]);
    }
}
