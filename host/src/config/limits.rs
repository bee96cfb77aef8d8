//! `[limits]` and `[source.limits]`: what the calls of all sources may take together, and those of one.

use std::time::Duration;

use super::section::{Problems, Section};

/// Memory of one poll. A poll holds one batch (8 MiB) a few times over while it reads and rewrites it.
const DEFAULT_MEMORY: u64 = 64 << 20;
const DEFAULT_HOST_MEMORY: u64 = 16 << 20;
/// Wall-clock time of one poll: several pages of a slow upstream.
const DEFAULT_POLL_TIMEOUT: Duration = Duration::from_secs(120);
/// One HTTP response: larger than any page an upstream should send.
const DEFAULT_RESPONSE: u64 = 32 << 20;
/// One core: a source that never stops computing leaves the others theirs.
const DEFAULT_CPU: u32 = 100;
/// Events and rejected items of one batch.
const DEFAULT_BATCH_EVENTS: u32 = 5_000;
/// Less memory than this for all calls together is not enough for one of any plugin worth the name.
const LEAST_TOGETHER: u64 = 16 << 20;
/// What a call may carry between plugin and host in one piece: the largest batch (8 MiB, or one record that is larger) with
/// the host's bookkeeping for each of its events. No plugin gets more than its own memory could hold.
const TRANSFER_BYTES: u64 = 64 << 20;
/// What searching that for secrets takes.
const SEARCH_BYTES: u64 = 4 << 20;
/// What connections hold for the answers that a call has not read yet: sixteen requests at once, 640 KiB each.
const ANSWER_BYTES: u64 = 16 * (640 << 10);

/// `[source.limits]`: bounds of one poll, and of all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the component together.
    pub memory: u64,
    /// Bytes that the host holds for a poll beside its linear memory: requests, fields, bodies.
    pub host_memory: u64,
    /// Wall-clock time after which the poll is interrupted.
    pub poll_timeout: Duration,
    /// Share of the processor, of all polls of the source together, in percent of one core.
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

/// What all calls may take together, if the file says it.
pub(super) fn read_memory(root: &Section<'_>) -> Option<u64> {
    let section = root.table("limits")?;
    let memory = section.size("memory");
    if memory.is_some_and(|memory| memory < LEAST_TOGETHER) {
        section.problem(
            "memory",
            "is too small for any component; give at least \"16MiB\", better \"2GiB\"",
        );
    }
    section.finish();
    memory
}

/// Notes a source of which one call may take more than all calls together.
pub(super) fn check_memory(limits: &Limits, together: Option<u64>, label: &str, problems: &Problems) {
    let needed = limits.call_memory();
    if let Some(together) = together.filter(|together| needed > *together) {
        problems.add(
            &format!("{label}.limits.memory"),
            format_args!(
                "one call of this source may take {needed} bytes (memory, host_memory, answers, and what it returns), and all calls \
                 together have {together}; raise `memory` in [limits], or lower `memory` and `host_memory` in \
                 [source.limits]"
            ),
        );
    }
}

pub(super) fn read(section: Section<'_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        memory: section.size("memory").unwrap_or(default.memory),
        host_memory: section.size("host_memory").unwrap_or(default.host_memory),
        poll_timeout: section.duration("poll_timeout").unwrap_or(default.poll_timeout),
        cpu: section.percent("cpu").unwrap_or(default.cpu),
        response: section.size("response").unwrap_or(default.response),
        batch_events: section
            .number("batch_events", 1..=1_000_000)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(default.batch_events),
    };
    if limits.memory < 1 << 20 {
        section.problem(
            "memory",
            "is too small for any component; give at least \"1MiB\", better \"64MiB\"",
        );
    }
    if limits.host_memory < 1 << 20 {
        section.problem(
            "host_memory",
            "is too small for any request; give at least \"1MiB\", better \"16MiB\"",
        );
    }
    if limits.cpu == 0 {
        section.problem("cpu", "is zero; give at least \"1%\" of a core");
    }
    if limits.poll_timeout < Duration::from_secs(1) {
        section.problem(
            "poll_timeout",
            "is too short for any request; give at least \"1s\", better \"120s\"",
        );
    }
    section.finish();
    limits
}
