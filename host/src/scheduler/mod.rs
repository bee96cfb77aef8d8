//! When to poll, and how many at once.

mod loads;
mod partition_life;
mod source_life;

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{Instrument, error, error_span};

pub use self::loads::Loads;
use self::source_life::run_source;
use crate::batch_memory::BatchMemory;
use crate::failure::{Failure, Fault};
use crate::load::Ready;
use crate::monitor::Monitor;
use crate::partition::{Shared, Totals};
use crate::progress::Progress;
use crate::shutdown::Shutdown;
use crate::source::Source;
use crate::state::State;
use crate::state_watch::Watch;

/// Sources and partitions begin within this time, or their interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(10);
/// A source whose task ended by a defect of the host begins again after this time.
const RESTART: Duration = Duration::from_secs(60);
/// `--once` gives a partition up after this many failures in a row: with the usual delays, after about half a minute.
const MOST_FAILURES_ONCE: u32 = 7;
/// The same for a plugin that crashes: a crash seldom passes by itself.
const MOST_CRASHES_ONCE: u32 = 3;
/// The same for a receiver that refuses the events: a person must act there.
const MOST_REFUSALS_ONCE: u32 = 4;
/// `--once` does not wait longer than this for an upstream that asks for patience.
const LONGEST_WAIT_ONCE: Duration = Duration::from_secs(5 * 60);

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until asked to stop.
    Forever,
    /// Until every partition has caught up or failed.
    Once,
}

/// Who is told how it goes.
#[derive(Debug, Clone)]
pub struct Watchers {
    /// People in front of a terminal.
    pub progress: Progress,
    /// Operators and their tools.
    pub monitor: Monitor,
}

/// What became of all partitions.
#[derive(Debug, Default)]
pub struct Summary {
    /// Sums over all sources.
    pub totals: Totals,
    /// Partitions that caught up (`Once`) or were polled until the end (`Forever`).
    pub partitions: usize,
    /// What failed for good: source, partition (none for the whole source), and why.
    pub failed: Vec<(String, Option<String>, Failure)>,
}

/// What all tasks of a run share.
#[derive(Clone)]
struct Run {
    mode: Mode,
    shared: Shared,
    progress: Progress,
    shutdown: Shutdown,
}

/// Runs sources until they are done or asked to stop, each from when it is ready on.
///
/// Sources do not know of each other: whatever happens to one, the others go on.
pub async fn run(
    mut loads: Loads,
    state: State,
    mode: Mode,
    watchers: Watchers,
    shutdown: Shutdown,
) -> Summary {
    let Watchers { progress, monitor } = watchers;
    let _watch = Watch::start(&state, monitor.clone());
    let shared = Shared {
        state,
        memory: BatchMemory::default(),
        monitor,
    };
    let run = Run {
        mode,
        shared,
        progress,
        shutdown,
    };
    let mut tasks = JoinSet::new();
    let mut summary = Summary::default();
    let mut started = 0;
    let mut running = HashMap::new();
    let mut more = true;
    loop {
        for Ready { source, outlets } in loads.ready.drain(..) {
            let delay = run.offset(&source, started, loads.count);
            started += 1;
            let span = error_span!("source", id = source.name());
            let task = run_source(source.clone(), outlets.clone(), run.clone(), delay).instrument(span);
            running.insert(tasks.spawn(task).id(), Ready { source, outlets });
        }
        tokio::select! {
            noted = loads.note_next(), if more => more = noted,
            Some(ended) = tasks.join_next_with_id() => match ended {
                Ok((id, ended)) => {
                    running.remove(&id);
                    summary.add(ended);
                }
                Err(error) => {
                    error!(%error, "a source's task ended unexpectedly; report this defect");
                    // A defect of the host must not end a tenant. Once is enough for who reads once.
                    let ready = running.remove(&error.id()).filter(|_| mode == Mode::Forever);
                    if let Some(Ready { source, outlets }) = ready {
                        let span = error_span!("source", id = source.name());
                        let task = run_source(source.clone(), outlets.clone(), run.clone(), RESTART).instrument(span);
                        running.insert(tasks.spawn(task).id(), Ready { source, outlets });
                    }
                }
            },
            else => break,
        }
    }
    // Who reads once has nobody that tries again.
    if mode == Mode::Once {
        let failed = loads.failed.iter();
        let failed = failed.map(|(source, error)| (source.clone(), None, error.to_failure()));
        summary.failed.extend(failed);
    }
    summary
}

impl Run {
    /// When the member number `index` of `count` begins.
    fn offset(&self, source: &Source, index: usize, count: usize) -> Duration {
        match self.mode {
            Mode::Once => Duration::ZERO,
            Mode::Forever => SPREAD
                .min(source.interval)
                .mul_f64(index as f64 / count.max(1) as f64),
        }
    }

    /// Waits; false when asked to stop meanwhile.
    async fn wait(&mut self, delay: Duration) -> bool {
        tokio::select! {
            () = self.shutdown.requested() => false,
            () = tokio::time::sleep(delay) => true,
        }
    }

    /// Whether `--once` should stop trying.
    fn gives_up(&self, failure: &Failure, failures: u32) -> bool {
        self.mode == Mode::Once
            && match failure.fault {
                Fault::Denied | Fault::InvalidConfig | Fault::InvalidCursor | Fault::Gone => true,
                Fault::Broken => failures >= MOST_CRASHES_ONCE,
                Fault::Refused => failures >= MOST_REFUSALS_ONCE,
                _ => {
                    failures >= MOST_FAILURES_ONCE
                        || failure.retry_after.is_some_and(|after| after > LONGEST_WAIT_ONCE)
                }
            }
    }
}

impl Summary {
    fn add(&mut self, more: Self) {
        self.totals += &more.totals;
        self.partitions += more.partitions;
        self.failed.extend(more.failed);
    }
}
