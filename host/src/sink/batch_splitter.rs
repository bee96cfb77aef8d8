//! The requests that a batch becomes. To find the event that a receiver refuses, halves are sent, and halves of halves.

use std::ops::Range;

/// The parts of a batch that are still to be sent, in order.
pub(super) struct BatchSplitter(Vec<Range<usize>>);

impl BatchSplitter {
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

    /// No parts.
    pub(super) fn empty() -> Self {
        Self(Vec::new())
    }

    /// The next part to send.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.0.pop()
    }

    /// Sends a part of several events again in two.
    pub(super) fn halve(&mut self, part: Range<usize>) {
        let (first, second) = halves(part);
        self.0.extend([second, first]);
    }

    /// Sends a part next.
    pub(super) fn push(&mut self, part: Range<usize>) {
        self.0.push(part);
    }

    /// All parts that are left, in order.
    pub(super) fn take_all(&mut self) -> Vec<Range<usize>> {
        let mut parts = std::mem::take(&mut self.0);
        parts.reverse();
        parts
    }
}

/// The two halves of a part; the first may be the smaller one.
pub(super) fn halves(part: Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = part.start + part.len() / 2;
    (part.start..middle, middle..part.end)
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
            let mut parts = BatchSplitter::within(limits, [5, 5, 20, 4, 6].into_iter());
            let sent: Vec<Range<usize>> = std::iter::from_fn(|| parts.next()).collect();
            assert_eq!(sent, expected);
        }
        assert_eq!(BatchSplitter::within((1, 1), std::iter::empty()).next(), None);
    }
}
