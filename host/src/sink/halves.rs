//! The requests that a batch becomes. To find the event that a receiver refuses: send halves, and halves of halves.

use std::ops::Range;

/// The parts of a batch that are still to be sent, in order.
pub(super) struct Halves(Vec<Range<usize>>);

impl Halves {
    /// The whole batch.
    #[expect(clippy::single_range_in_vec_init, reason = "one part, not its numbers")]
    pub(super) fn of(length: usize) -> Self {
        Self(vec![0..length])
    }

    /// Parts of at most so many events, and of so many bytes unless a single event has more.
    pub(super) fn within((events, bytes): (usize, usize), sizes: impl Iterator<Item = usize>) -> Self {
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut filled = 0;
        for (place, size) in sizes.enumerate() {
            match parts.last_mut() {
                Some(part) if part.len() < events && filled + size <= bytes => {
                    part.end = place + 1;
                    filled += size;
                }
                _ => {
                    parts.push(place..place + 1);
                    filled = size;
                }
            }
        }
        parts.reverse();
        Self(parts)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_the_order_and_the_limits() {
        for (limits, expected) in [
            ((4, 40), vec![0..4, 4..5]),
            ((2, usize::MAX), vec![0..2, 2..4, 4..5]),
            ((usize::MAX, 10), vec![0..2, 2..3, 3..5]),
        ] {
            let mut parts = Halves::within(limits, [5, 5, 20, 4, 6].into_iter());
            let sent: Vec<Range<usize>> = std::iter::from_fn(|| parts.next()).collect();
            assert_eq!(sent, expected);
        }
        assert_eq!(Halves::within((1, 1), std::iter::empty()).next(), None);
    }
}
