//! Every family of numbers there is: its name, its kind, its meaning.

/// A family of numbers with one meaning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family {
    /// The name without the `headwater_` in front, which all but those of the process have.
    pub(super) name: &'static str,
    gauge: bool,
    pub(super) help: &'static str,
}

impl Family {
    pub(super) fn is_gauge(&self) -> bool {
        self.gauge
    }

    /// The name as it is written. Those of the process are the same for every program.
    pub(super) fn full_name(&self) -> String {
        match self.name.starts_with("process_") {
            true => self.name.to_owned(),
            false => format!("headwater_{}", self.name),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
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

pub(super) static OMITTED: Family = gauge(
    "omitted_series",
    "Series left out of this page because it would be too large.",
);
pub(super) static BUILD: Family = gauge("build_info", "The version of the host; always 1.");
pub(super) static LOG_DROPPED: Family =
    counter("log_dropped_lines_total", "Log lines that nobody read in time.");
pub(super) static CALL_MEMORY: Family = gauge(
    "call_memory_reserved_bytes",
    "Memory that the calls into plugins at present may take at most.",
);
pub(super) static CALL_MEMORY_LIMIT: Family = gauge(
    "call_memory_limit_bytes",
    "Memory that all calls into plugins may take together.",
);
pub(super) static RELOAD_SUCCESSFUL: Family = gauge(
    "config_reload_successful",
    "Whether the configuration could be used when it was last read: 1 or 0.",
);
pub(super) static RELOAD_TIME: Family = gauge(
    "config_last_reload_success_timestamp_seconds",
    "When the configuration was last read and could be used.",
);
pub(super) static CLUSTER_HOSTS: Family = gauge(
    "cluster_hosts",
    "Hosts of the cluster that live, this one among them.",
);
pub(super) static CLUSTER_SOURCES: Family = gauge("cluster_sources", "Sources that this host has.");
pub(super) static CLUSTER_FREE: Family =
    gauge("cluster_sources_free", "Sources of the cluster that no host has.");
pub(super) static LEASE_AGE: Family = gauge(
    "lease_age_seconds",
    "Time since this host has renewed its leases.",
);
pub(super) static TAKEOVERS: Family = counter(
    "takeovers_total",
    "Sources that this host took over from hosts whose leases had ended.",
);
pub(super) static FENCED_COMMITS: Family = counter(
    "fenced_commits_total",
    "Commits of this host that were refused because it had lost the lease.",
);
pub(super) static CALLS_WAITING: Family =
    gauge("calls_waiting", "Calls into plugins that wait for their turn.");
pub(super) static PROCESS_CPU: Family =
    counter("process_cpu_seconds_total", "Processor time of the process.");
pub(super) static PROCESS_MEMORY: Family =
    gauge("process_resident_memory_bytes", "Resident memory of the process.");
pub(super) static PROCESS_FILES: Family =
    gauge("process_open_fds", "Open files and connections of the process.");
pub(super) static PROCESS_MOST_FILES: Family = gauge(
    "process_max_fds",
    "Files and connections that the process may have open.",
);
pub(super) static PROCESS_START: Family =
    gauge("process_start_time_seconds", "When the process was started.");
pub(super) static PARTITION_INFO: Family = gauge("partition_info", "The title of a partition; always 1.");
pub(super) static PARTITION_STATE: Family = gauge(
    "partition_state",
    "How a partition is doing; 1 for the state that it is in.",
);
pub(super) static DELIVERIES: Family = counter(
    "deliveries_total",
    "Attempts to deliver a batch to the sink, by result.",
);
pub(super) static DELIVERY_SECONDS: Family =
    counter("delivery_seconds_total", "Time spent in attempts to deliver.");
pub(super) static WAITING: Family = gauge(
    "batches_waiting",
    "Batches that wait for their sink to be available.",
);
pub(super) static DEAD_LETTERS: Family = gauge(
    "dead_letters",
    "Dead letters at present, in files or in the database.",
);
pub(super) static OLDEST_LETTER: Family = gauge(
    "dead_letter_oldest_timestamp_seconds",
    "When the oldest of them was kept; 0 when there are none.",
);
pub(super) static EVENTS: Family = counter("events_total", "Events delivered.");
pub(super) static EVENT_BYTES: Family = counter("event_bytes_total", "Bytes of delivered event bodies.");
pub(super) static REJECTED: Family = counter("rejected_total", "Items that became dead letters.");
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
    "Answers by origin and status; status 0 means that none came.",
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
        counter("anomalies_total", "Anomalies tolerated while reading records."),
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
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    let own = [
        &BUILD,
        &LOG_DROPPED,
        &OMITTED,
        &CALL_MEMORY,
        &CALL_MEMORY_LIMIT,
        &CALLS_WAITING,
        &CLUSTER_HOSTS,
        &CLUSTER_SOURCES,
        &CLUSTER_FREE,
        &LEASE_AGE,
        &TAKEOVERS,
        &FENCED_COMMITS,
        &RELOAD_SUCCESSFUL,
        &RELOAD_TIME,
        &PARTITION_INFO,
        &PARTITION_STATE,
        &DELIVERIES,
        &DELIVERY_SECONDS,
        &WAITING,
        &DEAD_LETTERS,
        &OLDEST_LETTER,
        &PROCESS_CPU,
        &PROCESS_MEMORY,
        &PROCESS_FILES,
        &PROCESS_MOST_FILES,
        &PROCESS_START,
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
