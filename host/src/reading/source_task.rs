//! One source: find its partitions, keep a task for each, look again from time to time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span, info, warn};

use super::known::KnownPartitions;
use super::observer::{Notice, Notices};
use super::partition_task::{End, Handed, PartitionTask};
use super::shared::{Lane, Shared};
use super::trouble::{Next, Trouble, Until};
use super::upstream::Upstream;
use crate::model::{Failure, Fault, PartitionInfo};

/// Polls at once of one source, and batches of it that nobody has taken, so that none fills the whole process.
const SOURCE_POLLS_AT_ONCE: usize = 8;
/// How often to look for new and vanished partitions.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Partitions begin within this time, or the source's interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(10);

/// What became of a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Partitions that have caught up, or were read until the end.
    pub partitions: usize,
    /// What was given up, and why: partitions, or the whole source (none).
    pub failed: Vec<(Option<String>, Failure)>,
}

/// Reads a source.
pub(super) struct SourceTask<U> {
    pub(super) upstream: Arc<U>,
    pub(super) shared: Shared,
    pub(super) lane: Lane,
    pub(super) until: Until,
    pub(super) out: mpsc::UnboundedSender<Box<Handed>>,
    pub(super) stop: CancellationToken,
    pub(super) only: Arc<OwnedMutexGuard<()>>,
}

/// The partitions of a source that have a task.
struct Tasks {
    source: Arc<str>,
    notices: Notices,
    until: Until,
    /// Bound the polls of the source.
    turns: Arc<Semaphore>,
    running: BTreeMap<String, Running>,
    tasks: JoinSet<(String, End)>,
    outcome: Outcome,
}

struct Running {
    stop: CancellationToken,
    task: tokio::task::Id,
}

impl<U: Upstream> SourceTask<U> {
    /// Reads until there is nothing more to do, or until it is stopped.
    pub(super) async fn run(self, delay: Duration) -> Outcome {
        let source: Arc<str> = self.upstream.name().into();
        let trouble = Trouble::new(self.until, self.upstream.interval());
        let mut known = KnownPartitions::default();
        let mut tasks = Tasks {
            source: source.clone(),
            notices: self.shared.notices.clone(),
            until: self.until,
            turns: Arc::new(Semaphore::new(SOURCE_POLLS_AT_ONCE)),
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            outcome: Outcome::default(),
        };
        let mut wait = delay;
        while tasks.watch(&self.stop, wait).await {
            wait = match self.upstream.discover().await {
                Ok(found) => {
                    trouble.over();
                    self.recall(&source, &mut known).await;
                    let gone = known.note(&found);
                    self.reconcile(&found, &mut tasks);
                    let partitions = found;
                    self.shared
                        .notices
                        .send(&source, Notice::Found { partitions, gone });
                    if self.until == Until::CaughtUp {
                        break;
                    }
                    DISCOVERY_INTERVAL
                }
                Err(failure) => {
                    let next = trouble.failed(&failure, "cannot find the partitions");
                    let notice = Notice::Failed {
                        partition: None,
                        failure: failure.clone(),
                    };
                    self.shared.notices.send(&source, notice);
                    match next {
                        Next::Wait(wait) => wait,
                        Next::GiveUp => {
                            tasks.outcome.failed.push((None, failure));
                            break;
                        }
                    }
                }
            };
        }
        tasks.finish().await
    }

    /// Learns, once, which partitions earlier readings have begun.
    async fn recall(&self, source: &str, known: &mut KnownPartitions) {
        if known.is_complete() {
            return;
        }
        match self.shared.store.partitions(source).await {
            Ok(stored) => known.recall(stored),
            Err(error) => warn!(%error, "cannot tell which partitions were read before"),
        }
    }

    /// Begins what is new and stops what has vanished or cannot be read. Stored cursors stay either way.
    fn reconcile(&self, found: &[PartitionInfo], tasks: &mut Tasks) {
        tasks.collect();
        let readable: BTreeMap<&str, &PartitionInfo> = found
            .iter()
            .filter(|info| info.unavailable.is_none())
            .map(|info| (info.id.as_str(), info))
            .collect();
        // They stay in the list until their task has ended: a partition that comes back must not be polled twice.
        let stopped = tasks
            .running
            .iter()
            .filter(|(id, _)| !readable.contains_key(id.as_str()));
        for (id, Running { stop, .. }) in stopped {
            info!(partition = id, "not read any more; its cursor is kept");
            stop.cancel();
        }
        let running = tasks.running.len();
        let fresh: Vec<&PartitionInfo> = readable
            .into_values()
            .filter(|info| !tasks.running.contains_key(&info.id))
            .collect();
        info!(running, new = fresh.len(), "found the partitions");
        let spread = match self.until {
            Until::CaughtUp => Duration::ZERO,
            Until::Stopped => SPREAD.min(self.upstream.interval()),
        };
        for (index, info) in fresh.iter().enumerate() {
            let delay = spread.mul_f64(index as f64 / fresh.len() as f64);
            self.begin(info, delay, tasks);
        }
    }

    fn begin(&self, info: &PartitionInfo, delay: Duration, tasks: &mut Tasks) {
        let stop = self.stop.child_token();
        let task = PartitionTask {
            upstream: self.upstream.clone(),
            source: tasks.source.clone(),
            id: info.id.as_str().into(),
            title: info.title.as_str().into(),
            formerly: info.formerly.clone(),
            attributes: info.attributes.as_slice().into(),
            shared: self.shared.clone(),
            lane: self.lane.clone(),
            until: self.until,
            turns: tasks.turns.clone(),
            out: self.out.clone(),
            stop: stop.clone(),
            _only: self.only.clone(),
        };
        let id = info.id.clone();
        let span = error_span!("partition", id, title = info.title);
        let named = id.clone();
        let handle = tasks
            .tasks
            .spawn(async move { (named, task.run(delay).await) }.instrument(span));
        tasks.running.insert(
            id,
            Running {
                stop,
                task: handle.id(),
            },
        );
    }
}

type Ended = Result<(String, End), tokio::task::JoinError>;

impl Tasks {
    /// Keeps an eye on the partitions for some time; false when it is time to end.
    async fn watch(&mut self, stop: &CancellationToken, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = tokio::time::sleep_until(end) => return true,
                Some(ended) = self.tasks.join_next() => self.note(ended),
            }
            if self.is_over().is_some() {
                self.running.values().for_each(|running| running.stop.cancel());
                return false;
            }
        }
    }

    /// Why the source as a whole has ended, if it has: its events have nowhere to go.
    fn is_over(&self) -> Option<&Failure> {
        let mut failures = self.outcome.failed.iter().map(|(_, failure)| failure);
        failures.find(|failure| failure.fault == Fault::Gone)
    }

    /// Notes what has ended meanwhile.
    fn collect(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.note(ended);
        }
    }

    /// Waits for all partitions.
    async fn finish(mut self) -> Outcome {
        while let Some(ended) = self.tasks.join_next().await {
            self.note(ended);
            if self.is_over().is_some() {
                self.running.values().for_each(|running| running.stop.cancel());
            }
        }
        if let Some(failure) = self.is_over().cloned() {
            self.notices.send(&self.source, Notice::Over { failure });
        }
        self.outcome
    }

    /// The partition that this task reads.
    fn running_as(&self, task: tokio::task::Id) -> Option<String> {
        let mut running = self.running.iter();
        let found = running.find(|(_, running)| running.task == task);
        found.map(|(id, _)| id.clone())
    }

    fn note(&mut self, ended: Ended) {
        let (id, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                error!(%error, "a partition's task ended unexpectedly; report this defect");
                let id = self.running_as(error.id());
                let Some(id) = id else { return };
                self.running.remove(&id);
                // Where there is a next look at what there is, it begins again then.
                if self.until == Until::CaughtUp {
                    let failure = Failure::host(Fault::Broken, "defect", "the host has a defect; report it");
                    self.outcome.failed.push((Some(id), failure));
                }
                return;
            }
        };
        self.running.remove(&id);
        let partition = id.as_str().into();
        self.notices.send(&self.source, Notice::Ended { partition });
        match end {
            End::CaughtUp | End::Stopped => self.outcome.partitions += 1,
            End::Failed(failure) => self.outcome.failed.push((Some(id), failure)),
        }
    }
}
