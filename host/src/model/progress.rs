//! How far reading has come.

/// Where a partition's reading stands. Times are in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where reading began.
    pub start: u64,
    /// Up to where it has come.
    pub position: u64,
    /// Where it wants to be at present.
    pub target: u64,
}
