//! One source: its batches, each delivered by a task of its own.

use std::time::Duration;

use headwater::model::Totals;
use headwater::monitor::Monitor;
use headwater::reading::{Batch, Batches, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span};

use super::{Mode, Summary};
use crate::loading::Ready;
use crate::outlets::Turns;

/// Deliveries at once of one source, so that none fills the whole process.
const DELIVERIES_AT_ONCE: usize = 8;

/// Runs a source until it is done or asked to stop, after a pause.
pub(super) async fn run_source(
    ready: Ready,
    mode: Mode,
    monitor: Monitor,
    stop: CancellationToken,
    delay: Duration,
) -> Summary {
    tokio::select! {
        () = stop.cancelled() => return Summary::default(),
        () = tokio::time::sleep(delay) => {}
    }
    let Ready { source, outlets } = ready;
    let mut batches = match mode {
        Mode::Forever => source.batches(),
        Mode::Once => source.batches_until_caught_up(),
    };
    let stopper = batches.stopper();
    let turns = Turns::new(DELIVERIES_AT_ONCE);
    let mut deliveries: JoinSet<Totals> = JoinSet::new();
    let mut totals = Totals::default();
    let mut is_stopping = false;
    loop {
        tokio::select! {
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                stopper.stop();
            }
            Some(ended) = deliveries.join_next() => totals += &delivered(ended),
            next = next(&turns, &mut batches) => {
                let Some((turn, batch)) = next else { break };
                let span = error_span!("partition", id = batch.partition(), title = batch.title());
                let (outlets, turns, stop) = (outlets.clone(), turns.clone(), stop.clone());
                let monitor = monitor.clone();
                let deliver = async move { outlets.deliver(batch, turn, &turns, &monitor, &stop).await };
                deliveries.spawn(deliver.instrument(span));
            }
        }
    }
    while let Some(ended) = deliveries.join_next().await {
        totals += &delivered(ended);
    }
    let Outcome {
        partitions, failed, ..
    } = batches.outcome().cloned().unwrap_or_default();
    let name = source.name();
    let failed = failed.into_iter();
    Summary {
        totals,
        partitions,
        failed: failed
            .map(|(partition, failure)| (name.to_owned(), partition, failure))
            .collect(),
    }
}

/// The next batch, and the turn that its delivery takes; none when there will be none.
async fn next(turns: &Turns, batches: &mut Batches) -> Option<(OwnedSemaphorePermit, Batch)> {
    let turn = turns.next().await;
    Some((turn, batches.next().await?))
}

/// What a delivery came to. One that panicked has dropped its batch, which is fetched again.
fn delivered(ended: Result<Totals, tokio::task::JoinError>) -> Totals {
    ended.unwrap_or_else(|error| {
        error!(%error, "a delivery ended unexpectedly; report this defect");
        Totals::default()
    })
}
