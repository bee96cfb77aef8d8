//! The batches of a source, one after the other.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span, error};

use super::batch::Batch;
use super::partition_task::Handed;
use super::shared::{Lane, Shared};
use super::source_task::{Outcome, SourceTask};
use super::trouble::Until;
use super::upstream::Upstream;

/// A source whose task ended by a defect of the host begins again after this time.
const RESTART: Duration = Duration::from_secs(60);

/// The batches of all partitions of a source, as they come: a [`Stream`]. Discovery, schedule and back-off are inside.
///
/// Partitions are independent of each other: while the batch of one is being delivered, others are polled, as long as somebody
/// takes their batches; eight that are not taken stop the polls of the source. A failure ends nothing; it is logged, told to
/// the observer, and tried again.
///
/// Dropping this stops reading at once: a poll is cancelled, and a batch that is not acknowledged cannot be any more. To
/// stop gently, use [`Batches::stopper`].
pub struct Batches {
    /// In boxes: a channel has room for 32 items from the start, in each of thousands of readings.
    incoming: mpsc::UnboundedReceiver<Box<Handed>>,
    stop: CancellationToken,
    driver: AbortOnDropHandle<Outcome>,
    outcome: Option<Outcome>,
}

/// Stops a reading gently: no further poll begins, those under way are finished, and batches that were handed out can still be
/// acknowledged. The stream ends once there are none left.
#[derive(Debug, Clone)]
pub struct Stopper(CancellationToken);

impl Stopper {
    /// Stops the reading.
    pub fn stop(&self) {
        self.0.cancel();
    }
}

impl Batches {
    /// Begins to read, once an earlier reading of the same source has ended.
    pub(crate) fn start<U: Upstream>(upstream: Arc<U>, shared: Shared, lane: Lane, until: Until) -> Self {
        let (out, incoming) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let drive = async move {
            let only = Arc::new(lane.only.clone().lock_owned().await);
            let mut delay = Duration::ZERO;
            loop {
                let task = SourceTask {
                    upstream: upstream.clone(),
                    shared: shared.clone(),
                    lane: lane.clone(),
                    until,
                    out: out.clone(),
                    stop: stopped.clone(),
                    only: only.clone(),
                };
                let running = tokio::spawn(task.run(delay).in_current_span());
                match AbortOnDropHandle::new(running).await {
                    Ok(outcome) => return outcome,
                    Err(error) => {
                        // A defect of the host must not end a source.
                        error!(%error, "a source's task ended unexpectedly; report this defect");
                        delay = RESTART;
                    }
                }
            }
        };
        let driver = AbortOnDropHandle::new(tokio::spawn(drive.instrument(Span::current())));
        Self {
            incoming,
            stop,
            driver,
            outcome: None,
        }
    }

    /// Waits for the next batch; none when the reading has ended.
    pub async fn next(&mut self) -> Option<Batch> {
        std::future::poll_fn(|context| self.poll_batch(context)).await
    }

    /// Stops this reading, from wherever it is wished.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// What became of the reading, once it has ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        if let Some(handed) = ready!(self.incoming.poll_recv(context)) {
            let Handed { batch, turn } = *handed;
            drop(turn);
            return Poll::Ready(Some(batch));
        }
        if self.outcome.is_none() {
            // The task has ended, so this is ready at once or soon; it does not panic and is not aborted.
            let outcome = ready!(Pin::new(&mut self.driver).poll(context));
            self.outcome = Some(outcome.unwrap_or_default());
        }
        Poll::Ready(None)
    }
}

impl Stream for Batches {
    type Item = Batch;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        self.get_mut().poll_batch(context)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batches")
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
