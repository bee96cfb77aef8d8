//! Where a source's events and rejected items go, and the way there.

use std::sync::Arc;
use std::time::Instant;

use headwater::model::{Failure, Fault, Totals};
use headwater::monitor::Monitor;
use headwater::reading::{AckError, Batch};
use headwater::sink::{DeadLetters, Delivery, Sink, SinkError, Undelivered};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Where a source's events and rejected items go.
#[derive(Clone)]
pub struct Outlets {
    /// For events.
    pub sink: Arc<dyn Sink>,
    /// For the rest.
    pub dead_letters: DeadLetters,
}

/// The right to deliver, of which a source has a few.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// So many deliveries at once.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    /// Waits for a turn.
    pub async fn next(&self) -> OwnedSemaphorePermit {
        match self.0.clone().acquire_owned().await {
            Ok(turn) => turn,
            // Never closed.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Outlets {
    /// Delivers a batch and commits it, however long that takes: it ends when that is done, when there is no memory for a batch that
    /// has to wait, when it is given up, or when the host stops. In the last three cases the batch is fetched again.
    pub async fn deliver(
        &self,
        mut batch: Batch,
        turn: OwnedSemaphorePermit,
        turns: &Turns,
        monitor: &Monitor,
        stop: &CancellationToken,
    ) -> Totals {
        let mut turn = Some(turn);
        loop {
            let began = Instant::now();
            let attempt = self.attempt(&mut batch).await;
            let result = match &attempt {
                Ok(_) => "accepted",
                Err(failure) if failure.fault == Fault::Refused => "refused",
                Err(_) => "unavailable",
            };
            monitor.delivered(batch.source(), result, began.elapsed());
            let failure = match attempt {
                Ok(Attempt::Committed) => return committed(&batch),
                Ok(Attempt::Closed) => return Totals::default(),
                Err(failure) => failure,
            };
            drop(turn.take());
            let Some(wait) = batch.undelivered(&failure) else {
                return Totals::default();
            };
            if !batch.can_wait() {
                debug!("too many batches wait for their receivers: this one will be fetched again");
                return Totals::default();
            }
            debug!(?wait, "waiting to deliver");
            let next = async {
                tokio::time::sleep(wait).await;
                turns.next().await
            };
            monitor.waits(batch.source(), true);
            let next = tokio::select! {
                () = stop.cancelled() => None,
                next = next => Some(next),
            };
            monitor.waits(batch.source(), false);
            if next.is_none() {
                return Totals::default();
            }
            turn = next;
        }
    }

    /// Takes the steps that are left. Can be repeated after an error: what was done is not done again.
    async fn attempt(&self, batch: &mut Batch) -> Result<Attempt, Failure> {
        let refusal = self.send(batch).await?;
        self.keep_rejected(batch).await?;
        if let Some(reason) = refusal {
            let (place, refused) = (&self.dead_letters, batch.totals().refused);
            warn!(%place, refused, "the sink refused events permanently; they are in the dead letters: {reason}");
        }
        match batch.ack().await {
            Ok(()) => Ok(Attempt::Committed),
            Err(AckError::Closed) => Ok(Attempt::Closed),
            Err(error) => Err(Failure::host(Fault::Retry, "state", error)),
        }
    }

    /// Gives the events to the sink: only those that are not settled. Returns why the last of those was refused that were.
    async fn send(&self, batch: &mut Batch) -> Result<Option<String>, Failure> {
        if batch.events().is_empty() {
            return Ok(None);
        }
        let delivery = Delivery {
            source: batch.source(),
            partition: batch.partition(),
            attributes: batch.attributes(),
            events: batch.events(),
            settled: batch.settled(),
            redactor: batch.redactor(),
        };
        let (remaining, refused, error) = match self.sink.deliver(delivery).await {
            Ok(accepted) => (Vec::new(), accepted.refused, None),
            Err(Undelivered {
                remaining,
                refused,
                error,
            }) => (remaining, refused, Some(error)),
        };
        let refusal = refused.last().map(|(_, reason)| reason.clone());
        batch.settle(&remaining, refused);
        match error {
            None => Ok(refusal),
            Some(error) => Err(failure_of(error)),
        }
    }

    async fn keep_rejected(&self, batch: &mut Batch) -> Result<(), Failure> {
        batch.redact().await?;
        let kept = self.dead_letters.keep(batch.partition(), batch.rejected());
        kept.await.map_err(|error| {
            let message = format!("cannot keep rejected items in {error}");
            Failure::host(Fault::Retry, "dead-letter", message)
        })?;
        batch.discard_rejected();
        Ok(())
    }
}

/// What came of delivering a batch.
enum Attempt {
    /// Its cursor is stored.
    Committed,
    /// Its source is not read any more.
    Closed,
}

/// Notes a batch whose cursor is stored.
fn committed(batch: &Batch) -> Totals {
    let totals = batch.totals().clone();
    if !batch.is_caught_up() && totals.rejected == 0 {
        // One of very many: how far it is says the progress.
        debug!(events = totals.events, "delivered a part of the past");
    } else if totals.events > 0 || totals.rejected > 0 {
        info!(
            events = totals.events,
            rejected = totals.rejected,
            dropped = totals.dropped,
            duplicates = totals.duplicates,
            "delivered"
        );
    }
    totals
}

fn failure_of(error: SinkError) -> Failure {
    match error {
        SinkError::Unavailable { reason, retry_after } => Failure {
            retry_after,
            ..Failure::host(Fault::Retry, "sink", reason)
        },
        SinkError::Refused { reason } => Failure::host(Fault::Refused, "refused", reason).with_hint(
            "fix the receiver: its disk, its mapping, its configuration; nothing is lost, the events are sent again",
        ),
        SinkError::Gone(reason) => Failure::host(Fault::Gone, "sink", reason),
        other => Failure::host(Fault::Retry, "sink", other),
    }
}

impl std::fmt::Debug for Outlets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outlets")
            .field("dead_letters", &self.dead_letters)
            .finish_non_exhaustive()
    }
}
