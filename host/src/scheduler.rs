//! When to poll, and how many at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, debug, error, error_span, info, warn};

use crate::backoff::Backoff;
use crate::bindings::exports::headwater::source::source::PartitionInfo;
use crate::failure::{Failure, Fault};
use crate::monitor::Monitor;
use crate::partition::{Partition, Shared, Totals};
use crate::progress::Progress;
use crate::shutdown::{self, Shutdown, Trigger};
use crate::source::{Outlets, Source};
use crate::state::State;

/// Polls at once in the whole process. A poll mostly waits for its upstream, and costs a few megabytes while it does.
const POLLS_AT_ONCE: usize = 64;
/// Polls and deliveries at once of one source, so that none fills the whole process.
const SOURCE_POLLS_AT_ONCE: usize = 8;
/// Sources and partitions begin within this time, or their interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(10);
/// How often to look for new and vanished partitions.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// `--once` gives a partition up after this many failures in a row: with the usual delays, after about two minutes.
const MOST_FAILURES_ONCE: u32 = 8;
/// The same for a plugin that crashes: a crash seldom passes by itself.
const MOST_CRASHES_ONCE: u32 = 3;
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

/// Runs sources until they are done or asked to stop.
///
/// Sources do not know of each other: whatever happens to one, the others go on.
pub async fn run(
    sources: Vec<(Arc<Source>, Outlets)>,
    state: State,
    mode: Mode,
    watchers: Watchers,
    shutdown: Shutdown,
) -> Summary {
    let Watchers { progress, monitor } = watchers;
    let shared = Shared {
        state,
        polls: Arc::new(Semaphore::new(POLLS_AT_ONCE)),
        monitor,
    };
    let run = Run {
        mode,
        shared,
        progress,
        shutdown,
    };
    let count = sources.len();
    let mut tasks = JoinSet::new();
    for (index, (source, outlets)) in sources.into_iter().enumerate() {
        let delay = run.offset(&source, index, count);
        let span = error_span!("source", name = source.name());
        tasks.spawn(run_source(source, outlets, run.clone(), delay).instrument(span));
    }
    let mut summary = Summary::default();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(ended) => summary.add(ended),
            Err(error) => error!(%error, "a source's task ended unexpectedly"),
        }
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
                Fault::Denied => true,
                Fault::Broken => failures >= MOST_CRASHES_ONCE,
                _ => {
                    failures >= MOST_FAILURES_ONCE
                        || failure.retry_after.is_some_and(|after| after > LONGEST_WAIT_ONCE)
                }
            }
    }
}

/// One source's life: find its partitions, keep a task for each, look again from time to time.
async fn run_source(source: Arc<Source>, outlets: Outlets, mut run: Run, delay: Duration) -> Summary {
    let mut tasks = Tasks::new(source.clone(), outlets, run.clone());
    if !run.wait(delay).await {
        return Summary::default();
    }
    run.shared.monitor.expect(source.name());
    let mut backoff = Backoff::default();
    loop {
        let wait = match source.discover().await {
            Ok(found) => {
                backoff.reset();
                tasks.reconcile(found);
                if run.mode == Mode::Once {
                    break;
                }
                DISCOVERY_INTERVAL
            }
            Err(failure) => {
                let wait = backoff.delay(&failure, source.interval);
                report(&failure, "cannot find the partitions", wait);
                run.shared.monitor.failed(source.name(), "", &failure);
                if failure.fault.is_final() || run.gives_up(&failure, backoff.failures()) {
                    tasks
                        .summary
                        .failed
                        .push((source.name().to_owned(), None, failure));
                    break;
                }
                wait
            }
        };
        if !tasks.watch(&mut run, wait).await {
            break;
        }
    }
    tasks.finish().await
}

/// The partitions of a source that have a task.
struct Tasks {
    source: Arc<Source>,
    outlets: Outlets,
    run: Run,
    /// Bounds the polls and deliveries of this source.
    turns: Arc<Semaphore>,
    running: BTreeMap<String, Trigger>,
    tasks: JoinSet<Ended>,
    /// Partitions that failed for good: not begun again before a restart.
    given_up: BTreeSet<String>,
    summary: Summary,
}

/// What became of a partition.
struct Ended {
    id: String,
    totals: Totals,
    failure: Option<Failure>,
}

impl Tasks {
    fn new(source: Arc<Source>, outlets: Outlets, run: Run) -> Self {
        Self {
            source,
            outlets,
            run,
            turns: Arc::new(Semaphore::new(SOURCE_POLLS_AT_ONCE)),
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            given_up: BTreeSet::new(),
            summary: Summary::default(),
        }
    }

    /// Begins what is new and stops what has vanished or cannot be read. Stored cursors stay either way.
    fn reconcile(&mut self, found: Vec<PartitionInfo>) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.note(ended);
        }
        let readable: BTreeMap<String, String> = found
            .into_iter()
            .filter_map(|info| match info.unavailable {
                None => Some((info.id, info.title)),
                Some(reason) => {
                    warn!(
                        partition = info.id,
                        title = info.title,
                        "cannot be read at present: {reason}"
                    );
                    None
                }
            })
            .collect();
        let titles: Vec<_> = readable
            .iter()
            .map(|(id, title)| (id.clone(), title.clone()))
            .collect();
        self.run.shared.monitor.found(self.source.name(), &titles);
        // They stay in the list until their task has ended: a partition that comes back must not be polled twice.
        for (id, stop) in self.running.iter().filter(|(id, _)| !readable.contains_key(*id)) {
            info!(partition = id, "no longer there; its cursor is kept");
            stop.request();
        }
        let fresh: Vec<_> = readable
            .into_iter()
            .filter(|(id, _)| !self.running.contains_key(id) && !self.given_up.contains(id))
            .collect();
        info!(
            running = self.running.len(),
            new = fresh.len(),
            "found the partitions"
        );
        let count = fresh.len();
        for (index, (id, title)) in fresh.into_iter().enumerate() {
            self.begin(id, &title, self.run.offset(&self.source, index, count));
        }
    }

    fn begin(&mut self, id: String, title: &str, delay: Duration) {
        let (stop, stopped) = shutdown::channel();
        let span = error_span!("partition", id, title);
        let partition = Partition::new(
            self.source.clone(),
            id.clone(),
            self.outlets.clone(),
            self.run.shared.clone(),
        );
        let task = run_partition(partition, self.turns.clone(), self.run.clone(), stopped, delay);
        self.tasks.spawn(task.instrument(span));
        self.running.insert(id, stop);
    }

    /// Keeps an eye on the partitions for some time; false when it is time to end.
    async fn watch(&mut self, run: &mut Run, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        loop {
            tokio::select! {
                go_on = run.wait(end.saturating_duration_since(Instant::now())) => return go_on,
                Some(ended) = self.tasks.join_next() => self.note(ended),
            }
            let is_gone = |(_, _, failure): &(_, _, Failure)| failure.fault == Fault::Gone;
            if self.summary.failed.iter().any(is_gone) {
                self.running.values().for_each(Trigger::request);
                return false;
            }
        }
    }

    /// Waits for all partitions.
    async fn finish(mut self) -> Summary {
        while let Some(ended) = self.tasks.join_next().await {
            self.note(ended);
        }
        self.summary
    }

    fn note(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let Ended { id, totals, failure } = match ended {
            Ok(ended) => ended,
            Err(error) => return error!(%error, "a partition's task ended unexpectedly"),
        };
        self.running.remove(&id);
        self.summary.totals += &totals;
        match failure {
            None => self.summary.partitions += 1,
            Some(failure) => {
                self.given_up.insert(id.clone());
                self.summary
                    .failed
                    .push((self.source.name().to_owned(), Some(id), failure));
            }
        }
    }
}

/// One partition's life: poll, wait, poll again.
async fn run_partition(
    mut partition: Partition,
    turns: Arc<Semaphore>,
    mut run: Run,
    mut stopped: Shutdown,
    delay: Duration,
) -> Ended {
    let mut totals = Totals::default();
    let failure = keep_polling(&mut partition, &turns, &mut run, &mut stopped, delay, &mut totals).await;
    run.progress.end(&partition);
    Ended {
        id: partition.id,
        totals,
        failure,
    }
}

/// Returns when the partition is done, asked to stop, or has failed for good. A step that has begun is finished; stopping
/// takes effect between steps.
async fn keep_polling(
    partition: &mut Partition,
    turns: &Semaphore,
    run: &mut Run,
    stopped: &mut Shutdown,
    delay: Duration,
    totals: &mut Totals,
) -> Option<Failure> {
    let interval = partition.source.interval;
    let mut backoff = Backoff::default();
    let mut wait = delay;
    loop {
        tokio::select! {
            () = stopped.requested() => return None,
            go_on = run.wait(wait) => if !go_on { return None },
        }
        let permit = tokio::select! {
            () = stopped.requested() => return None,
            () = run.shutdown.requested() => return None,
            permit = turns.acquire() => permit,
        };
        let started = Instant::now();
        let advanced = partition.advance().await;
        drop(permit);
        wait = match advanced {
            Ok(committed) => {
                backoff.reset();
                *totals += &committed.totals;
                run.progress.show(partition, &committed.progress);
                if run.mode == Mode::Once && committed.progress.caught_up {
                    return None;
                }
                committed
                    .next_in
                    .unwrap_or_else(|| interval.saturating_sub(started.elapsed()))
            }
            Err(failure) => {
                let wait = backoff.delay(&failure, interval);
                report(&failure, "no progress", wait);
                run.shared
                    .monitor
                    .failed(partition.source.name(), &partition.id, &failure);
                if failure.fault.is_final() || run.gives_up(&failure, backoff.failures()) {
                    return Some(failure);
                }
                wait
            }
        };
        debug!(?wait, "waiting");
    }
}

/// Tells operators about a failure: loudly when a person must act.
fn report(failure: &Failure, what: &str, wait: Duration) {
    let Failure {
        fault,
        code,
        message,
        hint,
        ..
    } = failure;
    let (fault, hint) = (fault.as_str(), hint.as_deref());
    let wait = humantime::format_duration(Duration::from_millis(wait.as_millis() as u64)).to_string();
    match failure.fault {
        Fault::Retry => warn!(fault, code, hint, next = wait, "{what}: {message}"),
        _ if failure.fault.is_final() => error!(fault, code, hint, "{what} for good: {message}"),
        _ => error!(fault, code, hint, next = wait, "{what}: {message}"),
    }
}

impl Summary {
    fn add(&mut self, more: Self) {
        self.totals += &more.totals;
        self.partitions += more.partitions;
        self.failed.extend(more.failed);
    }
}
