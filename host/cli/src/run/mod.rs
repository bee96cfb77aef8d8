//! Reading all sources and delivering what they bring.

mod loads;
mod run_observer;
mod source_run;

use std::collections::HashMap;
use std::time::Duration;

use headwater::model::{Failure, Totals};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span};

pub use self::loads::Loads;
pub use self::run_observer::RunObserver;
use self::source_run::run_source;
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

/// Runs sources until they are done or asked to stop, each from when it is ready on.
///
/// Sources do not know of each other: whatever happens to one, the others go on.
pub async fn run(mut loads: Loads, mode: Mode, stop: CancellationToken) -> Summary {
    let mut tasks = JoinSet::new();
    let mut summary = Summary::default();
    let mut started = 0;
    let mut running = HashMap::new();
    let begin = |tasks: &mut JoinSet<Summary>, ready: Ready, delay: Duration| {
        let span = error_span!("source", id = ready.source.name());
        let task = run_source(ready.clone(), mode, stop.clone(), delay).instrument(span);
        (tasks.spawn(task).id(), ready)
    };
    let mut more = true;
    loop {
        for ready in loads.ready.drain(..) {
            let delay = offset(mode, &ready, started, loads.count);
            started += 1;
            let (id, ready) = begin(&mut tasks, ready, delay);
            running.insert(id, ready);
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
                    if let Some(ready) = ready {
                        let (id, ready) = begin(&mut tasks, ready, RESTART);
                        running.insert(id, ready);
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

/// When the source number `index` of `count` begins.
fn offset(mode: Mode, ready: &Ready, index: usize, count: usize) -> Duration {
    match mode {
        Mode::Once => Duration::ZERO,
        Mode::Forever => SPREAD
            .min(ready.source.interval())
            .mul_f64(index as f64 / count.max(1) as f64),
    }
}

impl Summary {
    fn add(&mut self, more: Self) {
        self.totals += &more.totals;
        self.partitions += more.partitions;
        self.failed.extend(more.failed);
    }
}
