//! Reading all sources and delivering what they bring.

mod changes;
mod config_watch;
mod loads;
mod reload;
mod run_observer;
mod source_run;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use headwater::model::{Failure, Totals};
use headwater::monitor::Monitor;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span};

pub use self::changes::Changes;
pub use self::loads::Loads;
pub use self::reload::Reloader;
pub use self::run_observer::RunObserver;
use self::source_run::run_source;
use crate::config::SourceConfig;
use crate::loading::Ready;

/// Sources begin within this time, or their interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(10);
/// A source whose task ended by a defect of the host begins again after this time.
const RESTART: Duration = Duration::from_secs(60);

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until asked to stop.
    Forever,
    /// Until every partition has caught up or failed.
    Once,
}

/// What became of all partitions.
#[derive(Debug, Default)]
pub struct Summary {
    /// Sums over all sources.
    pub totals: Totals,
    /// Partitions that caught up (`Once`) or were polled until the end (`Forever`).
    pub partitions: usize,
    /// What failed permanently: source, partition (none for the whole source), and why.
    pub failed: Vec<(String, Option<String>, Failure)>,
}

/// The sources that are read.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Summary>,
    /// What each task reads.
    sources: HashMap<Id, (Ready, CancellationToken)>,
    /// What begins once the present reading of the same source has ended.
    successors: HashMap<String, Arc<SourceConfig>>,
    /// Sources whose rows go once their reading has ended.
    leaving: HashSet<String>,
    arbiter: Option<Arbiter>,
}

/// Whoever decides which sources this host reads, and has to hear when it does not read one any more.
#[derive(Debug, Clone)]
pub struct Arbiter(pub mpsc::UnboundedSender<String>);

impl Arbiter {
    fn ended(&self, source: &str) {
        // Nobody has to hear it when the process ends.
        let _ = self.0.send(source.to_owned());
    }
}

/// Runs sources until they are done or asked to stop, each from when it is ready on, and carries out changes of the configuration.
///
/// Sources do not know of each other: whatever happens to one, the others go on.
pub async fn run(
    mut loads: Loads,
    mode: Mode,
    monitor: &Monitor,
    stop: &CancellationToken,
    mut changes: mpsc::Receiver<Changes>,
    arbiter: Option<Arbiter>,
) -> Summary {
    let mut running = Running {
        arbiter,
        ..Running::default()
    };
    let mut summary = Summary::default();
    let mut started = 0;
    loop {
        for (ready, stop) in loads.ready.drain(..) {
            let delay = offset(mode, &ready, started, loads.count);
            started += 1;
            running.begin(ready, stop, mode, delay, monitor);
        }
        // Where somebody else decides what is read here, there may be nothing for a while.
        let may_come = running.arbiter.is_some() && !stop.is_cancelled();
        if running.tasks.is_empty() && !loads.is_open() && !may_come {
            break;
        }
        tokio::select! {
            () = stop.cancelled(), if may_come => {}
            () = loads.note_next(), if loads.is_open() => {}
            Some(ended) = running.tasks.join_next_with_id() => {
                running.note(ended, mode, &mut summary, &mut loads, monitor);
            }
            Some(changes) = changes.recv(), if !stop.is_cancelled() => {
                // They are spread among themselves: a single new source begins at once.
                (started, loads.count) = (0, changes.fresh().count());
                running.apply(changes, &mut loads, monitor);
            }
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

impl Running {
    fn begin(
        &mut self,
        ready: Ready,
        stop: CancellationToken,
        mode: Mode,
        delay: Duration,
        monitor: &Monitor,
    ) {
        let span = error_span!("source", id = ready.source.name());
        let task = run_source(ready.clone(), mode, monitor.clone(), stop.clone(), delay).instrument(span);
        self.sources.insert(self.tasks.spawn(task).id(), (ready, stop));
    }

    /// Notes the end of a reading, and begins what has waited for it.
    fn note(
        &mut self,
        ended: Result<(Id, Summary), tokio::task::JoinError>,
        mode: Mode,
        summary: &mut Summary,
        loads: &mut Loads,
        monitor: &Monitor,
    ) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((ready, stop)) = self.sources.remove(&id) else {
            return;
        };
        match ended {
            Ok((_, ended)) => summary.add(ended),
            Err(error) => {
                error!(%error, "a source's task ended unexpectedly; report this defect");
                // A defect of the host must not end a tenant. Once is enough for who reads once.
                if mode == Mode::Forever && !stop.is_cancelled() {
                    return self.begin(ready, stop, mode, RESTART, monitor);
                }
            }
        }
        let name = ready.source.name().to_owned();
        // Its sink and its session go before those of its successor come.
        drop(ready);
        if self.leaving.remove(&name) {
            monitor.forget(&name);
        }
        if let Some(next) = self.successors.remove(&name) {
            loads.add(next);
        } else if let Some(arbiter) = &self.arbiter {
            arbiter.ended(&name);
        }
    }

    /// Carries out what a new configuration changes.
    fn apply(&mut self, changes: Changes, loads: &mut Loads, monitor: &Monitor) {
        let reading: HashSet<String> = self
            .sources
            .values()
            .map(|(ready, _)| ready.source.name().to_owned())
            .collect();
        for name in changes.removed {
            loads.stop(&name);
            self.successors.remove(&name);
            if reading.contains(&name) {
                self.leaving.insert(name);
            } else {
                monitor.forget(&name);
                if let Some(arbiter) = &self.arbiter {
                    arbiter.ended(&name);
                }
            }
        }
        for config in changes.added.into_iter().chain(changes.changed) {
            loads.stop(&config.name);
            // One that was to go and is back before it has gone is one that changes.
            self.leaving.remove(&config.name);
            if reading.contains(&config.name) {
                self.successors.insert(config.name.clone(), config);
            } else {
                loads.add(config);
            }
        }
        loads.try_again();
    }
}

/// When the source number `index` of `count` begins.
fn offset(mode: Mode, ready: &Ready, index: usize, count: usize) -> Duration {
    match mode {
        Mode::Once => Duration::ZERO,
        Mode::Forever => SPREAD
            .min(ready.source.interval())
            .mul_f64(index.min(count) as f64 / count.max(1) as f64),
    }
}

impl Summary {
    fn add(&mut self, more: Self) {
        self.totals += &more.totals;
        self.partitions += more.partitions;
        self.failed.extend(more.failed);
    }
}
