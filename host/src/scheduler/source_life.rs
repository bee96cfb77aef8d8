//! One source's life: find its partitions, keep a task for each, look again from time to time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, error, error_span, info, warn};

use super::partition_life::{Ended, run_partition};
use super::{Mode, Run, Summary};
use crate::backoff::Backoff;
use crate::bindings::exports::headwater::source::source::PartitionInfo;
use crate::discovery::MOST_PARTITIONS;
use crate::failure::{Failure, Fault};
use crate::monitor::Away;
use crate::outage::Outage;
use crate::partition::Partition;
use crate::shutdown::{self, Trigger};
use crate::source::{Outlets, Source};

/// Polls and deliveries at once of one source, so that none fills the whole process.
const SOURCE_POLLS_AT_ONCE: usize = 8;
/// How often to look for new and vanished partitions.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// How often operators are reminded of a partition that is gone.
const REMINDER: Duration = Duration::from_secs(60 * 60);

/// A partition that is not listed any more.
struct Gone {
    /// When that was noticed, for people.
    since: String,
    /// When operators were last told.
    told: Option<Instant>,
}

/// Runs a source until it is done or asked to stop.
pub(super) async fn run_source(
    source: Arc<Source>,
    outlets: Outlets,
    mut run: Run,
    delay: Duration,
) -> Summary {
    let mut tasks = Tasks::new(source.clone(), outlets, run.clone());
    if !run.wait(delay).await {
        return Summary::default();
    }
    let mut backoff = Backoff::default();
    let mut outage = Outage::default();
    loop {
        let wait = match source.discover().await {
            Ok(found) => {
                backoff.reset();
                outage.over();
                tasks.recall().await;
                tasks.reconcile(found);
                if run.mode == Mode::Once {
                    break;
                }
                DISCOVERY_INTERVAL
            }
            Err(failure) => {
                let wait = backoff.delay(&failure, source.interval);
                let ends = failure.fault == Fault::Gone || run.gives_up(&failure, backoff.failures());
                outage.failed(
                    &failure,
                    "cannot find the partitions",
                    Some(wait).filter(|_| !ends),
                );
                run.shared.monitor.failed(source.name(), "", &failure);
                if ends {
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

/// Partitions of a source that are remembered when they are not listed any more, those that are listed included.
const MOST_KNOWN: usize = 2 * MOST_PARTITIONS;

/// The partitions of a source that have a task.
struct Tasks {
    source: Arc<Source>,
    outlets: Outlets,
    run: Run,
    /// Bounds the polls and deliveries of this source.
    turns: Arc<Semaphore>,
    running: BTreeMap<String, (Trigger, tokio::task::Id)>,
    tasks: JoinSet<Ended>,
    /// Partitions that were read, now or before the last restart, by id; with their title where it is known.
    known: Option<BTreeMap<String, String>>,
    /// Those of them that are not listed any more.
    gone: BTreeMap<String, Gone>,
    /// What could not be read at the last look, and why.
    unavailable: BTreeMap<String, String>,
    summary: Summary,
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
            known: None,
            gone: BTreeMap::new(),
            unavailable: BTreeMap::new(),
            summary: Summary::default(),
        }
    }

    /// Learns, once, which partitions earlier runs have read.
    async fn recall(&mut self) {
        if self.known.is_some() {
            return;
        }
        match self.run.shared.state.partitions(self.source.name()).await {
            Ok(stored) => self.known = Some(stored.into_iter().map(|id| (id, String::new())).collect()),
            Err(error) => warn!(%error, "cannot tell which partitions were read before"),
        }
    }

    /// Notes which known partitions are not listed any more, and tells operators: something that was watched is not watched
    /// now, which somebody may have wanted.
    fn note_gone(&mut self, listed: &BTreeMap<String, String>) -> Vec<Away> {
        let known = self.known.get_or_insert_default();
        self.gone.retain(|id, _| {
            let is_back = listed.contains_key(id);
            if is_back {
                info!(partition = id, "listed again");
            }
            !is_back
        });
        let mut away = Vec::new();
        for (id, title) in known.iter().filter(|(id, _)| !listed.contains_key(*id)) {
            let now = Instant::now();
            let gone = self.gone.entry(id.clone()).or_insert_with(|| Gone {
                since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
                told: None,
            });
            let reason = format!(
                "gone since {}: not listed any more; it was deleted, or this source has lost its access to it, or the \
                 configuration excludes it now; its cursor is kept",
                gone.since
            );
            if gone.told.is_none_or(|told| now - told >= REMINDER) {
                gone.told = Some(now);
                warn!(partition = id, title, "{reason}");
            }
            away.push(Away {
                id: id.clone(),
                title: title.clone(),
                is_gone: true,
                reason,
            });
        }
        for (id, title) in listed {
            // A plugin that invents other names at every look must not fill the memory with those that are gone.
            if known.len() < MOST_KNOWN || known.contains_key(id) {
                known.insert(id.clone(), title.clone());
            }
        }
        away
    }

    /// Begins what is new and stops what has vanished or cannot be read. Stored cursors stay either way.
    fn reconcile(&mut self, found: Vec<PartitionInfo>) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.note(ended);
        }
        let listed = found
            .iter()
            .map(|info| (info.id.clone(), info.title.clone()))
            .collect();
        let mut away = self.note_gone(&listed);
        let before = std::mem::take(&mut self.unavailable);
        let mut readable = BTreeMap::new();
        for PartitionInfo {
            id,
            title,
            unavailable,
        } in found
        {
            let Some(reason) = unavailable else {
                readable.insert(id, title);
                continue;
            };
            // What has not changed since the last look has been said.
            if before.get(&id) != Some(&reason) {
                warn!(partition = id, title, "cannot be read at present: {reason}");
            }
            self.unavailable.insert(id.clone(), reason.clone());
            away.push(Away {
                id,
                title,
                is_gone: false,
                reason,
            });
        }
        let titles: Vec<_> = readable
            .iter()
            .map(|(id, title)| (id.clone(), title.clone()))
            .collect();
        self.run.shared.monitor.found(self.source.name(), &titles, &away);
        // They stay in the list until their task has ended: a partition that comes back must not be polled twice.
        for (id, (stop, _)) in self.running.iter().filter(|(id, _)| !readable.contains_key(*id)) {
            info!(partition = id, "not read any more; its cursor is kept");
            stop.request();
        }
        let fresh: Vec<_> = readable
            .into_iter()
            .filter(|(id, _)| !self.running.contains_key(id))
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
        let handle = self.tasks.spawn(task.instrument(span));
        self.running.insert(id, (stop, handle.id()));
    }

    /// Keeps an eye on the partitions for some time; false when it is time to end.
    async fn watch(&mut self, run: &mut Run, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        loop {
            tokio::select! {
                go_on = run.wait(end.saturating_duration_since(Instant::now())) => return go_on,
                Some(ended) = self.tasks.join_next() => self.note(ended),
            }
            let is_gone = |(_, _, failure): &&(_, _, Failure)| failure.fault == Fault::Gone;
            if let Some((_, _, failure)) = self.summary.failed.iter().find(is_gone) {
                self.run.shared.monitor.ended(self.source.name(), failure);
                self.running.values().for_each(|(stop, _)| stop.request());
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
            Err(error) => {
                // Begun again at the next look at what there is.
                self.running.retain(|_, (_, task)| *task != error.id());
                return error!(%error, "a partition's task ended unexpectedly");
            }
        };
        self.running.remove(&id);
        self.summary.totals += &totals;
        match failure {
            None => self.summary.partitions += 1,
            Some(failure) => {
                self.summary
                    .failed
                    .push((self.source.name().to_owned(), Some(id), failure));
            }
        }
    }
}
