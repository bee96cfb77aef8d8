//! What operators look at: numbers, and how every partition is doing.

mod by_source;
mod cluster;
mod connections;
mod families;
mod health_table;
mod hosts;
mod metrics;
mod observing;
mod pages;
mod process;
mod server;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use serde::Serialize;
use serde_json::json;
use tracing::warn;

use self::health_table::{Brought, HealthTable};
use self::metrics::{Metrics, MetricsPage};
use crate::component::Usage;
use crate::model::{Failure, Measure, Totals};
use crate::work::fair_slots::SlotUse;

pub use self::cluster::Cluster;
pub use server::serve;

/// Bytes of one page of numbers or states. It is held once, however many ask for it.
const LARGEST_PAGE: usize = 64 << 20;
/// The same for `/healthz`, which is made for probes.
const LARGEST_HEALTH: usize = 4 << 20;

/// Collects what happens. Clones share it.
#[derive(Clone, Default)]
pub struct Monitor {
    state: Arc<Mutex<MonitorState>>,
    /// Says how many log lines the program has left out.
    dropped_lines: Option<fn() -> u64>,
}

#[derive(Default)]
struct MonitorState {
    metrics: Metrics,
    health: HealthTable,
    calls: Option<Box<dyn Fn() -> SlotUse + Send>>,
    cluster: Option<Box<dyn Fn() -> Cluster + Send>>,
    /// Sources that were removed: what is still told of their last batches is not shown.
    forgotten: HashSet<String>,
    reload: Option<Reload>,
    /// Dead letters at present, of sources that have any.
    letters: BTreeMap<String, Letters>,
    started: Option<SystemTime>,
    /// Whether metrics are of sources only.
    by_source: bool,
}

/// Dead letters of a source.
#[derive(Debug, Clone, Serialize)]
struct Letters {
    count: u64,
    /// When the oldest was kept.
    oldest: Option<String>,
}

/// The last time that the configuration was read.
#[derive(Debug, Clone, Copy)]
struct Reload {
    successful: bool,
    /// When it was last read with success, in seconds since 1970.
    at: f64,
}

/// A partition that is known and not read.
struct Away {
    id: String,
    title: String,
    /// Whether it is not listed any more, in contrast to one that is listed as unavailable.
    is_gone: bool,
    /// Why it is not read, in one sentence.
    reason: String,
}

/// A batch that has been stored.
struct Stored<'a> {
    totals: &'a Totals,
    /// Bytes of delivered bodies.
    bytes: u64,
    /// Time of the newest event delivered, in nanoseconds since 1970; 0 when there is none.
    newest: u64,
    caught_up: bool,
    measures: &'a [Measure],
}

impl Monitor {
    /// A monitor that also shows how many log lines the program has left out.
    pub fn with_dropped_lines(count: fn() -> u64) -> Self {
        let monitor = Self {
            dropped_lines: Some(count),
            ..Self::default()
        };
        monitor.state().started = Some(SystemTime::now());
        monitor
    }

    /// Shows metrics of sources instead of partitions: far fewer series, for whoever has very many partitions.
    pub fn show_sources_only(&self) {
        self.state().by_source = true;
    }

    /// Notes an attempt to deliver a batch: `accepted`, `unavailable` or `refused`.
    pub fn delivered(&self, source: &str, result: &str, took: Duration) {
        let mut state = self.state();
        let metrics = &mut state.metrics;
        metrics.add(&families::DELIVERIES, source, &[("result", result)], 1.0);
        metrics.add(&families::DELIVERY_SECONDS, source, &[], took.as_secs_f64());
    }

    /// Notes that a batch begins to wait for its sink, or has waited.
    pub fn waits(&self, source: &str, begins: bool) {
        let by = if begins { 1.0 } else { -1.0 };
        self.state().metrics.shift(&families::WAITING, source, by);
    }

    /// Notes how many dead letters a source has, and when the oldest was kept, in RFC 3339.
    pub fn dead_letters(&self, source: &str, count: u64, oldest: Option<&str>) {
        let mut state = self.state();
        // Nobody needs a row for what most sources have not, or for a source that has gone while they were counted.
        if state.forgotten.contains(source) || (count == 0 && !state.letters.contains_key(source)) {
            return;
        }
        let since = oldest.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let since = since.map_or(0.0, |time| time.timestamp_millis() as f64 / 1e3);
        state
            .metrics
            .set(&families::DEAD_LETTERS, source, &[], count as f64);
        state.metrics.set(&families::OLDEST_LETTER, source, &[], since);
        let oldest = oldest.map(str::to_owned);
        state.letters.insert(source.to_owned(), Letters { count, oldest });
    }

    /// Notes a source before it has found anything.
    pub fn expect(&self, source: &str) {
        let mut state = self.state();
        state.forgotten.remove(source);
        state.health.expect(source);
        state
            .metrics
            .set(&families::FAILING_SINCE, source, &[("partition", "")], 0.0);
    }

    /// Notes which partitions, with their titles, a source reads from now on, and which it does not read although it knows
    /// them.
    fn found(&self, source: &str, partitions: &[(String, String)], away: &[Away]) {
        let mut state = self.state();
        state.health.found(source, partitions, away);
        state
            .metrics
            .set(&families::FAILING_SINCE, source, &[("partition", "")], 0.0);
    }

    /// Notes a call into a plugin, whatever came of it.
    fn called(&self, source: &str, partition: &str, usage: &Usage, took: Duration, succeeded: bool) {
        let mut state = self.state();
        let metrics = &mut state.metrics;
        let partition = ("partition", partition);
        let result = ("result", if succeeded { "batch" } else { "error" });
        metrics.add(&families::POLLS, source, &[partition, result], 1.0);
        metrics.add(&families::POLL_SECONDS, source, &[partition], took.as_secs_f64());
        metrics.add(
            &families::CPU_SECONDS,
            source,
            &[partition],
            usage.cpu.as_secs_f64(),
        );
        metrics.add(
            &families::CPU_HELD_SECONDS,
            source,
            &[partition],
            usage.held.as_secs_f64(),
        );
        metrics.set(&families::MEMORY_PEAK, source, &[partition], usage.memory as f64);
        metrics.set(
            &families::HOST_MEMORY_PEAK,
            source,
            &[partition],
            usage.host_memory as f64,
        );
        metrics.add(
            &families::RECEIVED_BYTES,
            source,
            &[],
            usage.traffic.received as f64,
        );
        metrics.add(&families::REFUSED, source, &[], usage.traffic.refused.into());
        for ((origin, status), count) in &usage.traffic.answers {
            let labels = [("origin", origin.as_str()), ("status", &status.to_string())];
            metrics.add(&families::ANSWERS, source, &labels, *count as f64);
        }
    }

    /// Shows what these calls take, too.
    pub fn show_calls(&self, calls: impl Fn() -> SlotUse + Send + 'static) {
        self.state().calls = Some(Box::new(calls));
    }

    /// Shows how this host stands in its cluster, too.
    pub fn show_cluster(&self, cluster: impl Fn() -> Cluster + Send + 'static) {
        self.state().cluster = Some(Box::new(cluster));
    }

    /// Notes a batch whose cursor has been stored.
    fn stored(&self, source: &str, partition: &str, stored: &Stored<'_>) {
        let mut state = self.state();
        let lag = stored
            .measures
            .iter()
            .find(|measure| measure.name == "lag_seconds")
            .map(|measure| measure.value);
        let Stored {
            totals,
            bytes,
            newest,
            caught_up,
            measures,
        } = stored;
        let brought = Brought {
            events: totals.events,
            rejected: totals.rejected,
            newest: *newest,
            lag,
            caught_up: *caught_up,
        };
        state.health.committed(source, partition, &brought);
        let labels = [("partition", partition)];
        let metrics = &mut state.metrics;
        metrics.add(&families::EVENTS, source, &labels, totals.events as f64);
        metrics.add(&families::EVENT_BYTES, source, &labels, *bytes as f64);
        metrics.add(&families::REJECTED, source, &labels, totals.rejected as f64);
        metrics.set(&families::LAST_COMMIT, source, &labels, unix_time());
        metrics.set(&families::FAILING_SINCE, source, &labels, 0.0);
        for measure in *measures {
            state.metrics.measure(source, partition, measure);
        }
    }

    /// Notes what a plugin counted in a call that brought no batch.
    fn measured(&self, source: &str, partition: &str, measures: &[Measure]) {
        let metrics = &mut self.state().metrics;
        for measure in measures {
            metrics.measure(source, partition, measure);
        }
    }

    /// Notes a failure of a partition, or of a whole source (the empty name).
    pub fn failed(&self, source: &str, partition: &str, failure: &Failure) {
        let mut state = self.state();
        let since = state.health.failed(source, partition, failure, SystemTime::now());
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        state.metrics.set(
            &families::FAILING_SINCE,
            source,
            &[("partition", partition)],
            since,
        );
        let labels = [
            ("partition", partition),
            ("fault", failure.fault.as_str()),
            ("code", &failure.code),
        ];
        state.metrics.add(&families::FAULTS, source, &labels, 1.0);
    }

    /// Notes that a source cannot be started, or has been ended, for this reason.
    pub fn stopped(&self, source: &str, failure: &Failure) {
        self.failed(source, "", failure);
        self.state().health.stopped(source);
    }

    /// Shows nothing more of a source: it was removed from the configuration.
    pub fn forget(&self, source: &str) {
        let mut state = self.state();
        state.forgotten.insert(source.to_owned());
        state.health.forget(source);
        state.metrics.forget(source);
        state.letters.remove(source);
    }

    /// Notes that the configuration was read, at the start or again, and whether it could be used.
    pub fn reloaded(&self, successful: bool) {
        let mut state = self.state();
        let before = state.reload.map_or(0.0, |reload| reload.at);
        let at = if successful { unix_time() } else { before };
        state.reload = Some(Reload { successful, at });
    }

    /// Notes that a source has ended with this failure.
    fn ended(&self, source: &str, failure: &Failure) {
        self.state().health.ended(source, failure);
    }

    /// Notes what is wrong with the state file, which all sources need, or that nothing is.
    pub fn state_is(&self, problem: Option<&str>) {
        self.state().health.state_is(problem);
    }

    /// All numbers in Prometheus' text format. Whoever notes something meanwhile waits for the copy of one source at most.
    pub fn render_metrics(&self) -> String {
        let mut page = MetricsPage::default();
        let (sources, by_source, started) = {
            let state = self.state();
            (state.metrics.source_names(), state.by_source, state.started)
        };
        for source in sources {
            let series = self.state().metrics.copy(&source);
            if by_source {
                page.add(&by_source::fold(series));
                continue;
            }
            page.add(&series);
            let rows = self.state().health.rows(&source);
            for (partition, row) in &rows {
                page.add(&metrics::of_partition(
                    &source,
                    partition,
                    &row.title,
                    row.health.as_str(),
                ));
            }
        }
        let started = started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        page.add(&process::series(started.unwrap_or_default().as_secs_f64()));
        let calls = self.state().calls.as_ref().map(|calls| calls());
        page.add(&metrics::of_calls(calls.unwrap_or_default()));
        let cluster = self.state().cluster.as_ref().map(|cluster| cluster());
        if let Some(cluster) = cluster {
            page.add(&cluster.series());
        }
        let reload = self.state().reload;
        if let Some(Reload { successful, at }) = reload {
            page.add(&metrics::of_reload(successful, at));
        }
        page.finish(self.dropped_lines.map_or(0, |count| count()))
    }

    /// How every partition is doing, as JSON; the same holds.
    pub fn render_status(&self) -> String {
        let mut page = String::from("{");
        let sources = self.state().health.source_names();
        let mut left_out = 0;
        for source in sources {
            let rows = self.state().health.rows(&source);
            // Texts, numbers and lists of them always become JSON.
            let member = format!("{}:{}", serde_json::json!(source), serde_json::json!(rows));
            if page.len() + member.len() > LARGEST_PAGE {
                left_out += 1;
                continue;
            }
            if page.len() > 1 {
                page.push(',');
            }
            page.push_str(&member);
        }
        page.push('}');
        if left_out > 0 {
            warn!(left_out, "/status is too large to show every source");
        }
        page
    }

    /// What is to be known about the host itself, as JSON.
    fn render_host(&self) -> String {
        let state = self.state();
        let uptime = state.started.and_then(|started| started.elapsed().ok());
        let reload = state.reload.map(|reload| {
            let at = DateTime::from_timestamp(reload.at as i64, 0).map(health_table::readable);
            json!({ "successful": reload.successful, "at": at })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": uptime.unwrap_or_default().as_secs(),
            "reload": reload,
            "cluster": state.cluster.as_ref().map(|cluster| cluster().to_json()),
            "dead_letters": state.letters,
        })
        .to_string()
    }

    /// Whether anything works, and a line for each partition.
    fn render_health(&self) -> (bool, String) {
        let (healthy, sources) = {
            let health = &self.state().health;
            (health.is_healthy(), health.source_names())
        };
        let mut lines = String::new();
        for source in sources {
            let more = self.state().health.lines_of(&source);
            if lines.len() + more.len() <= LARGEST_HEALTH {
                lines.push_str(&more);
            }
        }
        (healthy, lines)
    }

    /// Whether a source was removed.
    fn is_forgotten(&self, source: &str) -> bool {
        self.state().forgotten.contains(source)
    }

    /// Each change is complete in itself, so the state stays usable after a panic elsewhere.
    fn state(&self) -> MutexGuard<'_, MonitorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Monitor").finish_non_exhaustive()
    }
}
