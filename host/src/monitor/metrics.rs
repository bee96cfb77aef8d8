//! Numbers for Prometheus: families with fixed names, series per source.
//!
//! Not with the crate `prometheus-client`: a page is made of the copy of one source at a time and has a bound in bytes, series of a
//! source have a bound in number, and one source's series are removed together. Its registry renders itself as a whole,
//! under one lock, and knows no bounds.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::LARGEST_PAGE;
use crate::component::measures::LONGEST_LABEL;
use crate::redact::printable::visible;
use crate::work::fair_slots::SlotUse;

/// Series of one source. A plugin chooses labels, and must not fill the memory of the process with them.
const MOST_SERIES_PER_SOURCE: usize = 20_000;
/// Those among them whose names or labels the plugin chooses; the others are a handful for each partition.
const MOST_CHOSEN_SERIES: usize = 2_000;

/// A family of numbers with one meaning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family {
    /// The name without the `headwater_` in front.
    pub(super) name: &'static str,
    gauge: bool,
    help: &'static str,
}

impl Family {
    fn kind(&self) -> &'static str {
        if self.gauge { "gauge" } else { "counter" }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        gauge: false,
        help,
    }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        gauge: true,
        help,
    }
}

static OMITTED: Family = gauge(
    "omitted_series",
    "Series left out of this page because it would be too large.",
);
static BUILD: Family = gauge("build_info", "The version of the host; always 1.");
static LOG_DROPPED: Family = counter("log_dropped_lines_total", "Log lines that nobody read in time.");
static CALL_MEMORY: Family = gauge(
    "call_memory_reserved_bytes",
    "Memory that the calls into plugins at present may take at most.",
);
static CALL_MEMORY_LIMIT: Family = gauge(
    "call_memory_limit_bytes",
    "Memory that all calls into plugins may take together.",
);
static CALLS_WAITING: Family = gauge("calls_waiting", "Calls into plugins that wait for their turn.");
pub(super) static EVENTS: Family = counter("events_total", "Events delivered.");
pub(super) static EVENT_BYTES: Family = counter("event_bytes_total", "Bytes of delivered event bodies.");
pub(super) static REJECTED: Family = counter("rejected_total", "Items put into the dead-letter file.");
pub(super) static POLLS: Family = counter("polls_total", "Polls by result.");
pub(super) static POLL_SECONDS: Family =
    counter("poll_seconds_total", "Time spent in polls, waiting included.");
pub(super) static CPU_SECONDS: Family = counter("cpu_seconds_total", "Time that plugins really ran.");
pub(super) static CPU_HELD_SECONDS: Family = counter(
    "cpu_held_seconds_total",
    "Time that plugins waited for their source's share of the processor.",
);
pub(super) static MEMORY_PEAK: Family = gauge("memory_peak_bytes", "Largest linear memory of the last poll.");
pub(super) static HOST_MEMORY_PEAK: Family = gauge(
    "host_memory_peak_bytes",
    "Most that the host held for the last poll beside its linear memory.",
);
pub(super) static FAULTS: Family = counter("faults_total", "Failures by fault and code.");
pub(super) static ANSWERS: Family = counter(
    "egress_answers_total",
    "Answers by origin and status; 0 is no answer.",
);
pub(super) static RECEIVED_BYTES: Family =
    counter("egress_received_bytes_total", "Bytes of response bodies.");
pub(super) static REFUSED: Family = counter("egress_refused_total", "Requests that were not granted.");
pub(super) static FAILING_SINCE: Family = gauge(
    "failing_since_timestamp_seconds",
    "When the failures since the last success began; 0 when there are none.",
);
pub(super) static LAST_COMMIT: Family =
    gauge("last_commit_timestamp_seconds", "When a cursor was last stored.");

/// A measure of the contract and the family it goes to, with the name of its label, if it has one.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) measure: &'static str,
    pub(super) family: Family,
    pub(super) label: &'static str,
}

const fn known(measure: &'static str, family: Family, label: &'static str) -> Known {
    Known {
        measure,
        family,
        label,
    }
}

/// The measures whose meaning the contract fixes.
pub(super) static KNOWN: [Known; 11] = [
    known(
        "requests",
        counter("requests_total", "Requests sent upstream."),
        "",
    ),
    known("pages", counter("pages_total", "Pages of records read."), ""),
    known(
        "received",
        counter("received_total", "Records read, before anything else."),
        "",
    ),
    known(
        "duplicates",
        counter("duplicates_total", "Records recognised as delivered before."),
        "",
    ),
    known(
        "dropped",
        counter("dropped_total", "Records left out by a rule of the operator."),
        "rule",
    ),
    known(
        "anomalies",
        counter("anomalies_total", "Oddities absorbed while reading records."),
        "kind",
    ),
    known(
        "retries",
        counter("retries_total", "Requests or windows tried again inside a poll."),
        "reason",
    ),
    known(
        "throttled",
        counter("throttled_total", "Requests refused for their rate."),
        "",
    ),
    known(
        "lateness_seconds",
        counter("late_records_total", "Records by the time they took to appear."),
        "within",
    ),
    known(
        "lag_seconds",
        gauge("lag_seconds", "Age of the newest record upstream has shown."),
        "",
    ),
    known(
        "remaining_reads",
        gauge("remaining_reads", "Requests left before the upstream throttles."),
        "",
    ),
];

/// Measures that only the plugin knows.
pub(super) static OTHER_COUNTER: Family = counter("plugin_total", "Counters that only the plugin knows.");
/// Gauges that only the plugin knows.
pub(super) static OTHER_GAUGE: Family = gauge("plugin_value", "Values that only the plugin knows.");

/// Every family there is, for the check of docs/metrics.md.
#[cfg(test)]
fn all() -> impl Iterator<Item = &'static Family> {
    let own = [
        &BUILD,
        &LOG_DROPPED,
        &OMITTED,
        &CALL_MEMORY,
        &CALL_MEMORY_LIMIT,
        &CALLS_WAITING,
        &EVENTS,
        &EVENT_BYTES,
        &REJECTED,
        &POLLS,
        &POLL_SECONDS,
        &CPU_SECONDS,
        &CPU_HELD_SECONDS,
        &MEMORY_PEAK,
        &HOST_MEMORY_PEAK,
        &FAULTS,
        &ANSWERS,
        &RECEIVED_BYTES,
        &REFUSED,
        &LAST_COMMIT,
        &FAILING_SINCE,
        &OTHER_COUNTER,
        &OTHER_GAUGE,
    ];
    own.into_iter().chain(KNOWN.iter().map(|known| &known.family))
}

/// All numbers of the process.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By source, then by family and written labels.
    sources: BTreeMap<String, BTreeMap<(&'static str, String), Series>>,
}

#[derive(Debug)]
struct Series {
    family: &'static Family,
    /// Whether the plugin chose a label.
    chosen: bool,
    value: f64,
}

impl Metrics {
    /// Adds to a counter.
    pub(super) fn add(&mut self, family: &'static Family, source: &str, labels: &[(&str, &str)], value: f64) {
        if let Some(series) = self.series(family, source, labels) {
            series.value += value;
        }
    }

    /// Sets a gauge.
    pub(super) fn set(&mut self, family: &'static Family, source: &str, labels: &[(&str, &str)], value: f64) {
        if let Some(series) = self.series(family, source, labels) {
            series.value = value;
        }
    }

    /// The series, made if there is room.
    fn series(
        &mut self,
        family: &'static Family,
        source: &str,
        labels: &[(&str, &str)],
    ) -> Option<&mut Series> {
        let of_source = self.sources.entry(source.to_owned()).or_default();
        let key = (family.name, written(source, labels));
        let mut room = of_source.len() < MOST_SERIES_PER_SOURCE;
        if room && is_chosen(labels) && !of_source.contains_key(&key) {
            let chosen = of_source.values().filter(|series| series.chosen).count();
            room = chosen < MOST_CHOSEN_SERIES;
        }
        match of_source.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) if room => Some(entry.insert(Series {
                family,
                chosen: is_chosen(labels),
                value: 0.0,
            })),
            std::collections::btree_map::Entry::Vacant(_) => None,
        }
    }

    /// The sources that have series.
    pub(super) fn source_names(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }

    /// The series of a source.
    pub(super) fn copy(&self, source: &str) -> Vec<Written> {
        let series = self.sources.get(source).into_iter().flatten();
        series
            .map(|((_, labels), series)| (series.family, labels.clone(), series.value))
            .collect()
    }

    /// Everything in Prometheus' text format.
    #[cfg(test)]
    fn render(&self) -> String {
        let mut page = MetricsPage::default();
        for source in self.source_names() {
            page.add(&self.copy(&source));
        }
        page.finish(0)
    }
}

/// What calls of all sources together take.
pub(super) fn of_calls(used: SlotUse) -> [Written; 3] {
    [
        (&CALL_MEMORY, String::new(), used.reserved as f64),
        (&CALL_MEMORY_LIMIT, String::new(), used.bound as f64),
        (&CALLS_WAITING, String::new(), used.waiting as f64),
    ]
}

/// A series with its labels as they are written.
pub(super) type Written = (&'static Family, String, f64);

/// The series of all sources on their way to one text in Prometheus' format.
#[derive(Debug, Default)]
pub(super) struct MetricsPage {
    families: BTreeMap<&'static str, (&'static Family, String)>,
    bytes: usize,
    omitted: u64,
}

impl MetricsPage {
    /// Adds series, as many as there is room for.
    pub(super) fn add(&mut self, series: &[Written]) {
        for (family, labels, value) in series {
            if self.bytes > LARGEST_PAGE {
                self.omitted += 1;
                continue;
            }
            let (_, lines) = self
                .families
                .entry(family.name)
                .or_insert((family, String::new()));
            let before = lines.len();
            // Writing to a text cannot fail.
            let _ = writeln!(lines, "headwater_{}{labels} {value}", family.name);
            self.bytes += lines.len() - before;
        }
    }

    /// The text.
    pub(super) fn finish(mut self, dropped_lines: u64) -> String {
        let build = format!(
            "headwater_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        );
        self.families.insert(BUILD.name, (&BUILD, build));
        let omitted = format!("headwater_{} {}\n", OMITTED.name, self.omitted);
        self.families.insert(OMITTED.name, (&OMITTED, omitted));
        let dropped = format!("headwater_log_dropped_lines_total {dropped_lines}\n");
        self.families.insert(LOG_DROPPED.name, (&LOG_DROPPED, dropped));
        let mut text = String::with_capacity(self.bytes + 16_384);
        for (family, lines) in self.families.into_values() {
            let (name, kind, help) = (family.name, family.kind(), family.help);
            let _ = write!(
                text,
                "# HELP headwater_{name} {help}\n# TYPE headwater_{name} {kind}\n{lines}"
            );
        }
        text
    }
}

/// Whether a plugin chooses what tells these series apart: everything but the host's own labels.
fn is_chosen(labels: &[(&str, &str)]) -> bool {
    let own = ["partition", "result", "fault", "origin", "status"];
    labels.iter().any(|(name, _)| !own.contains(name))
}

/// Labels as they are written: `{source="a",partition="b"}`.
fn written(source: &str, labels: &[(&str, &str)]) -> String {
    let all = std::iter::once(("source", source)).chain(labels.iter().copied());
    let pairs: Vec<String> = all
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    value
        .chars()
        .map(visible)
        .take(LONGEST_LABEL)
        .fold(String::new(), |mut text, letter| {
            if matches!(letter, '"' | '\\') {
                text.push('\\');
            }
            text.push(letter);
            text
        })
}

#[cfg(test)]
mod tests;
