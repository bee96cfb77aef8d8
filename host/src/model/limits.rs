//! The bounds of a source.

use std::time::Duration;

/// Memory of one call. A poll holds one batch (8 MiB) a few times over while it reads and rewrites it.
const DEFAULT_MEMORY: u64 = 64 << 20;
const DEFAULT_HOST_MEMORY: u64 = 16 << 20;
/// Wall-clock time of one call: several pages of a slow upstream.
const DEFAULT_POLL_TIMEOUT: Duration = Duration::from_secs(120);
/// One HTTP response: larger than any page an upstream should send.
const DEFAULT_RESPONSE: u64 = 32 << 20;
/// One core: a source that never stops computing leaves the others theirs.
const DEFAULT_CPU: u32 = 100;
/// Events and rejected items of one batch.
const DEFAULT_BATCH_EVENTS: u32 = 5_000;
/// What a call may carry between plugin and host in one piece: the largest batch (8 MiB, or one record that is larger) with
/// the host's bookkeeping for each of its events. No plugin gets more than its own memory could hold.
const TRANSFER_BYTES: u64 = 64 << 20;
/// What searching that for secrets takes.
const SEARCH_BYTES: u64 = 4 << 20;
/// What connections hold for the answers that a call has not read yet: sixteen requests at once, 640 KiB each.
const ANSWER_BYTES: u64 = 16 * (640 << 10);

/// Bounds of one call, and of all calls of a source together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the component together.
    pub memory: u64,
    /// Bytes that the host holds for a call beside its linear memory: requests, fields, bodies.
    pub host_memory: u64,
    /// Wall-clock time after which the call is interrupted.
    pub poll_timeout: Duration,
    /// Share of the processor, of all calls of the source together, in percent of one core.
    pub cpu: u32,
    /// Bytes of one response body.
    pub response: u64,
    /// Events and rejected items of one batch.
    pub batch_events: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: DEFAULT_MEMORY,
            host_memory: DEFAULT_HOST_MEMORY,
            poll_timeout: DEFAULT_POLL_TIMEOUT,
            cpu: DEFAULT_CPU,
            response: DEFAULT_RESPONSE,
            batch_events: DEFAULT_BATCH_EVENTS,
        }
    }
}

impl Limits {
    /// Bytes that one call may carry between plugin and host in one piece.
    pub(crate) fn transfer(&self) -> u64 {
        self.memory.min(TRANSFER_BYTES)
    }

    /// Bytes that one call may take in all: its own memory, what the host holds for it, what connections hold for it, and
    /// what it returns.
    pub fn call_memory(&self) -> u64 {
        self.memory
            .saturating_add(self.host_memory)
            .saturating_add(self.transfer() + SEARCH_BYTES + ANSWER_BYTES)
    }
}
