//! Where a stream begins that was never read.

use crate::contract::{Nanos, Timestamp};
use crate::duration;
use crate::instant::parse_rfc3339;

/// Where a stream begins that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// So long before now.
    Back(Nanos),
    /// Then.
    At(Timestamp),
}

impl Start {
    /// Reads a duration such as `24h`, or an instant as RFC 3339 writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let back = duration::parse(text).map(Self::Back);
        back.or_else(|| parse_rfc3339(text).map(Self::At))
    }

    /// The instant that it means now.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Back(duration) => now.saturating_sub(duration),
            Self::At(instant) => instant.min(now),
        }
    }
}
