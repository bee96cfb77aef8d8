//! What operators look at: numbers, and how every partition is doing.

mod connections;
mod health_table;
mod hosts;
mod metrics;
mod observing;
mod pages;
mod server;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::warn;

use self::health_table::{Brought, HealthTable};
use self::metrics::{Family, KNOWN, Metrics, MetricsPage};
use crate::component::Usage;
use crate::model::{Failure, Measure, MeasureKind, Totals};
use crate::work::fair_slots::SlotUse;

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
        Self {
            dropped_lines: Some(count),
            ..Self::default()
        }
    }

    /// Notes a source before it has found anything.
    pub fn expect(&self, source: &str) {
        let mut state = self.state();
        state.health.expect(source);
        state
            .metrics
            .set(&metrics::FAILING_SINCE, source, &[("partition", "")], 0.0);
    }

    /// Notes which partitions, with their titles, a source reads from now on, and which it does not read although it knows
    /// them.
    fn found(&self, source: &str, partitions: &[(String, String)], away: &[Away]) {
        let mut state = self.state();
        state.health.found(source, partitions, away);
        state
            .metrics
            .set(&metrics::FAILING_SINCE, source, &[("partition", "")], 0.0);
    }

    /// Notes a call into a plugin, whatever came of it.
    fn called(&self, source: &str, partition: &str, usage: &Usage, took: Duration, succeeded: bool) {
        let mut state = self.state();
        let metrics = &mut state.metrics;
        let partition = ("partition", partition);
        let result = ("result", if succeeded { "batch" } else { "error" });
        metrics.add(&metrics::POLLS, source, &[partition, result], 1.0);
        metrics.add(&metrics::POLL_SECONDS, source, &[partition], took.as_secs_f64());
        metrics.add(
            &metrics::CPU_SECONDS,
            source,
            &[partition],
            usage.cpu.as_secs_f64(),
        );
        metrics.add(
            &metrics::CPU_HELD_SECONDS,
            source,
            &[partition],
            usage.held.as_secs_f64(),
        );
        metrics.set(&metrics::MEMORY_PEAK, source, &[partition], usage.memory as f64);
        metrics.set(
            &metrics::HOST_MEMORY_PEAK,
            source,
            &[partition],
            usage.host_memory as f64,
        );
        metrics.add(
            &metrics::RECEIVED_BYTES,
            source,
            &[],
            usage.traffic.received as f64,
        );
        metrics.add(&metrics::REFUSED, source, &[], usage.traffic.refused.into());
        for ((origin, status), count) in &usage.traffic.answers {
            let labels = [("origin", origin.as_str()), ("status", &status.to_string())];
            metrics.add(&metrics::ANSWERS, source, &labels, *count as f64);
        }
    }

    /// Shows what these calls take, too.
    pub fn show_calls(&self, calls: impl Fn() -> SlotUse + Send + 'static) {
        self.state().calls = Some(Box::new(calls));
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
        metrics.add(&metrics::EVENTS, source, &labels, totals.events as f64);
        metrics.add(&metrics::EVENT_BYTES, source, &labels, *bytes as f64);
        metrics.add(&metrics::REJECTED, source, &labels, totals.rejected as f64);
        metrics.set(&metrics::LAST_COMMIT, source, &labels, unix_time());
        metrics.set(&metrics::FAILING_SINCE, source, &labels, 0.0);
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
            &metrics::FAILING_SINCE,
            source,
            &[("partition", partition)],
            since,
        );
        let labels = [
            ("partition", partition),
            ("fault", failure.fault.as_str()),
            ("code", &failure.code),
        ];
        state.metrics.add(&metrics::FAULTS, source, &labels, 1.0);
    }

    /// Notes that a source cannot be started, or has been ended, for this reason.
    pub fn stopped(&self, source: &str, failure: &Failure) {
        self.failed(source, "", failure);
        self.state().health.stopped(source);
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
    fn render_metrics(&self) -> String {
        let mut page = MetricsPage::default();
        let sources = self.state().metrics.source_names();
        for source in sources {
            let series = self.state().metrics.copy(&source);
            page.add(&series);
        }
        let calls = self.state().calls.as_ref().map(|calls| calls());
        page.add(&metrics::of_calls(calls.unwrap_or_default()));
        page.finish(self.dropped_lines.map_or(0, |count| count()))
    }

    /// How every partition is doing, as JSON; the same holds.
    fn render_status(&self) -> String {
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

    /// Each change is complete in itself, so the state stays usable after a panic elsewhere.
    fn state(&self) -> MutexGuard<'_, MonitorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    /// Enters a plugin's measure: under its own name where the contract knows it, under a common one otherwise.
    fn measure(&mut self, source: &str, partition: &str, measure: &Measure) {
        let Measure {
            name,
            kind,
            label,
            value,
        } = measure;
        let partition = ("partition", partition);
        let value = *value as f64;
        match KNOWN.iter().find(|known| known.measure == name) {
            Some(known) if known.label.is_empty() => {
                self.enter(*kind, &known.family, source, &[partition], value)
            }
            Some(known) => self.enter(
                *kind,
                &known.family,
                source,
                &[partition, (known.label, label)],
                value,
            ),
            None => {
                let labels = [partition, ("name", name.as_str()), ("label", label)];
                let family = match kind {
                    MeasureKind::Counter => &metrics::OTHER_COUNTER,
                    MeasureKind::Gauge => &metrics::OTHER_GAUGE,
                };
                self.enter(*kind, family, source, &labels, value);
            }
        }
    }

    fn enter(
        &mut self,
        kind: MeasureKind,
        family: &'static Family,
        source: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        match kind {
            MeasureKind::Counter => self.add(family, source, labels, value),
            MeasureKind::Gauge => self.set(family, source, labels, value),
        }
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
