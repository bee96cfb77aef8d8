//! One partition's life: poll, wait, poll again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::debug;

use super::{Mode, Run};
use crate::backoff::Backoff;
use crate::failure::{Failure, Fault};
use crate::outage::Outage;
use crate::partition::{Partition, Totals};
use crate::shutdown::Shutdown;

/// What became of a partition.
pub(super) struct Ended {
    pub(super) id: String,
    pub(super) totals: Totals,
    pub(super) failure: Option<Failure>,
}

/// Runs a partition until it is done, asked to stop, or has failed for good.
pub(super) async fn run_partition(
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

/// Returns when the partition is done, asked to stop, or nothing more can come of it. A step that has begun is finished; stopping
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
    let mut outage = Outage::default();
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
                outage.over();
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
                let ends = failure.fault == Fault::Gone || run.gives_up(&failure, backoff.failures());
                outage.failed(&failure, "no progress", Some(wait).filter(|_| !ends));
                run.shared
                    .monitor
                    .failed(partition.source.name(), &partition.id, &failure);
                if ends {
                    return Some(failure);
                }
                wait
            }
        };
        debug!(?wait, "waiting");
    }
}
