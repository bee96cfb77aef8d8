//! What the process takes, under the names that every client library of Prometheus uses.

#![expect(clippy::disallowed_methods, reason = "runs on the thread that renders pages")]

use super::families::{self, Family};
use super::metrics::Written;

/// What the system says at present; nothing where it says nothing.
#[cfg(target_os = "linux")]
pub(super) fn series(started: f64) -> Vec<Written> {
    let mut series = vec![written(&families::PROCESS_START, started)];
    // The name of the program is in parentheses and may hold anything; times are the 14th and 15th field.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').collect::<Vec<_>>());
    if let Some([user, system]) = fields.as_deref().and_then(|fields| fields.get(11..13)) {
        let ticks: u64 = [user, system]
            .iter()
            .filter_map(|text| text.parse::<u64>().ok())
            .sum();
        let per_second = rustix::param::clock_ticks_per_second();
        series.push(written(&families::PROCESS_CPU, ticks as f64 / per_second as f64));
    }
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|text| text.parse::<u64>().ok());
    if let Some(resident) = resident {
        let bytes = resident * rustix::param::page_size() as u64;
        series.push(written(&families::PROCESS_MEMORY, bytes as f64));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        series.push(written(&families::PROCESS_FILES, open.count() as f64));
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        series.push(written(&families::PROCESS_MOST_FILES, most as f64));
    }
    series
}

/// What the system says at present; nothing where it says nothing.
#[cfg(not(target_os = "linux"))]
pub(super) fn series(started: f64) -> Vec<Written> {
    vec![written(&families::PROCESS_START, started)]
}

fn written(family: &'static Family, value: f64) -> Written {
    (family, String::new(), value)
}
