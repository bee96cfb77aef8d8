//! `[limits]` and `[source.limits]`: what the calls of all sources may take together, and those of one.

use std::time::Duration;

use headwater::model::Limits;

use super::section::{Problems, Section};

/// Less memory than this for all calls together is not enough for one of any plugin worth the name.
const LEAST_TOGETHER: u64 = 16 << 20;
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
