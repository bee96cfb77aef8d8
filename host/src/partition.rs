//! One partition's way: poll, deliver, commit, and never two of them at once.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info};

use crate::batch::Batch;
use crate::bindings::exports::headwater::source::source::Progress;
use crate::bindings::exports::headwater::source::types::{Measure, MeasureKind};
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, Fault};
use crate::monitor::{Monitor, Stored};
use crate::sink::SinkError;
use crate::source::{Outlets, Source};
use crate::state::{LoadError, State};

/// Wait at least this long after a poll that brought nothing and moved nothing, whatever the plugin says: an error in
/// its paging must not become a loop.
const STANDSTILL: Duration = Duration::from_secs(1);

/// What the batches of the whole process may take that wait for a receiver in trouble, in KiB. They spare a second poll;
/// but a thousand partitions with a batch each would take more memory than there is.
pub(crate) const WAITING_KIB: usize = 128 << 10;

/// A partition of a source, and how far its present batch has come.
pub(crate) struct Partition {
    pub(crate) source: Arc<Source>,
    pub(crate) id: String,
    outlets: Outlets,
    shared: Shared,
    stage: Stage,
}

/// What the partitions of all sources share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) state: State,
    /// Bounds the batches that wait for a receiver, see [`WAITING_KIB`].
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) monitor: Monitor,
}

/// A failed step is taken again, not the steps before it: a batch is not fetched twice because a disk was full.
enum Stage {
    /// The stored cursor is not known yet.
    Start,
    /// Ready to poll from here.
    Poll(Option<Vec<u8>>),
    /// Fetched, not accepted.
    Deliver(Pending),
    /// Accepted, not committed.
    Commit(Pending),
}

/// A batch on its way.
struct Pending {
    batch: Batch,
    previous: Option<Vec<u8>>,
    totals: Totals,
    /// Bytes of all bodies, those aside that were refused.
    bytes: u64,
    /// Time of the newest event accepted, in nanoseconds since 1970; 0 when there is none.
    newest: u64,
    /// Its share of the room for batches that wait.
    room: Option<OwnedSemaphorePermit>,
}

/// What a committed batch says about the time to come.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) next_in: Option<Duration>,
    pub(crate) progress: Progress,
    pub(crate) totals: Totals,
}

/// Sums over polls, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events delivered.
    pub events: u64,
    /// Items put into the dead-letter file.
    pub rejected: u64,
    /// Records left out by the operator's rules.
    pub dropped: u64,
    /// Records recognised as delivered before.
    pub duplicates: u64,
    /// Requests sent upstream.
    pub requests: u64,
}

impl Partition {
    pub(crate) fn new(source: Arc<Source>, id: String, outlets: Outlets, shared: Shared) -> Self {
        Self {
            source,
            id,
            outlets,
            shared,
            stage: Stage::Start,
        }
    }

    /// Takes the steps that are left until one batch is committed. After an error, call it again to go on.
    pub(crate) async fn advance(&mut self) -> Result<Committed, Failure> {
        loop {
            // A cancelled step leaves `Start`: the stored cursor is the truth.
            self.stage = match std::mem::replace(&mut self.stage, Stage::Start) {
                Stage::Start => Stage::Poll(self.load().await?),
                Stage::Poll(cursor) => Stage::Deliver(self.poll(cursor).await?),
                Stage::Deliver(mut pending) => match self.deliver(&mut pending).await {
                    Ok(()) => Stage::Commit(pending),
                    Err(failure) => {
                        self.stage = self.after_refusal(pending);
                        return Err(failure);
                    }
                },
                Stage::Commit(pending) => {
                    if let Err(failure) = self.commit(&pending).await {
                        self.stage = Stage::Commit(pending);
                        return Err(failure);
                    }
                    return Ok(self.settle(pending));
                }
            };
        }
    }

    async fn load(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.shared
            .state
            .load(self.source.name(), &self.id)
            .await
            .map_err(|error| {
                let fault = match error {
                    LoadError::State(_) => Fault::Retry,
                    LoadError::Envelope(_) => Fault::InvalidCursor,
                };
                Failure::host(fault, "state", error)
            })
    }

    async fn poll(&mut self, cursor: Option<Vec<u8>>) -> Result<Pending, Failure> {
        // Whatever goes wrong from here on, the next poll begins at this cursor again.
        self.stage = Stage::Poll(cursor.clone());
        let config = self.source.resolve().await?;
        let called = self.source.caller.poll(&config, &self.id, cursor.clone()).await;
        debug!(took = ?called.took, cpu = ?called.usage.cpu, memory = called.usage.memory, "polled");
        let (usage, took) = (&called.usage, called.took);
        self.shared
            .monitor
            .called(self.source.name(), &self.id, usage, took, called.result.is_ok());
        let batch = Batch::check(called.result?, &called.scrubber)?;
        let totals = Totals {
            events: batch.events.len() as u64,
            rejected: batch.rejected.len() as u64,
            dropped: sum(&batch.measures, "dropped"),
            duplicates: sum(&batch.measures, "duplicates"),
            requests: called.usage.traffic.requests.into(),
        };
        let bytes = batch.events.iter().map(|event| event.body.len() as u64).sum();
        Ok(Pending {
            batch,
            previous: cursor,
            totals,
            bytes,
            newest: 0,
            room: None,
        })
    }

    /// What to do next with a batch that could not be delivered: wait with it where there is room, else fetch it again. One
    /// whose events were accepted always waits.
    fn after_refusal(&self, mut pending: Pending) -> Stage {
        if pending.room.is_none() {
            let kib = u32::try_from(pending.bytes / 1_024 + 1).unwrap_or(u32::MAX);
            pending.room = self.shared.waiting.clone().try_acquire_many_owned(kib).ok();
        }
        if pending.room.is_some() || pending.batch.events.is_empty() {
            return Stage::Deliver(pending);
        }
        debug!("too many batches wait for their receivers: this one will be fetched again");
        Stage::Poll(pending.previous)
    }

    /// Gives the events to the sink and the rest to the dead-letter file. Can be repeated after an error.
    async fn deliver(&self, pending: &mut Pending) -> Result<(), Failure> {
        let batch = &mut pending.batch;
        if !batch.events.is_empty() {
            let accepted = self
                .outlets
                .sink
                .deliver(&batch.events)
                .await
                .map_err(|error| match error {
                    SinkError::Unavailable { retry_after, .. } => Failure {
                        retry_after,
                        ..Failure::host(Fault::Retry, "sink", error)
                    },
                    SinkError::Gone(_) => Failure::host(Fault::Gone, "sink", error),
                })?;
            // Accepted events must not go out again when the dead-letter file fails below.
            let mut events = std::mem::take(&mut batch.events);
            for (index, reason) in accepted.refused {
                if let Some(event) = events.get_mut(index) {
                    let raw = std::mem::take(&mut event.body).into_bytes();
                    pending.bytes -= raw.len() as u64;
                    batch.rejected.push(DeadLetter {
                        id: Some(event.id.clone()),
                        reason,
                        raw,
                    });
                    pending.totals.events -= 1;
                    pending.totals.rejected += 1;
                }
            }
            let accepted = events.iter().filter(|event| !event.body.is_empty());
            pending.newest = accepted.map(|event| event.time).max().unwrap_or(0);
        }
        self.outlets
            .dead_letters
            .keep(&self.id, &batch.rejected)
            .await
            .map_err(|error| {
                let message = format!("cannot keep rejected items in the dead-letter file {error}");
                Failure::host(Fault::Retry, "dead-letter", message)
            })?;
        batch.rejected.clear();
        Ok(())
    }

    async fn commit(&self, pending: &Pending) -> Result<(), Failure> {
        self.shared
            .state
            .commit(
                self.source.name(),
                &self.id,
                &self.source.plugin,
                &pending.batch.cursor,
            )
            .await
            .map_err(|error| Failure::host(Fault::Retry, "state", error))
    }

    fn settle(&mut self, pending: Pending) -> Committed {
        let Pending {
            batch,
            previous,
            totals,
            bytes,
            newest,
            room: _,
        } = pending;
        let caught_up = batch.progress.caught_up;
        let stored = Stored {
            totals: &totals,
            bytes,
            newest,
            caught_up,
            measures: &batch.measures,
        };
        self.shared.monitor.stored(self.source.name(), &self.id, &stored);
        if totals.events > 0 || totals.rejected > 0 {
            info!(
                events = totals.events,
                rejected = totals.rejected,
                dropped = totals.dropped,
                duplicates = totals.duplicates,
                "delivered"
            );
        }
        let stands_still = previous.as_ref() == Some(&batch.cursor) && totals.events == 0;
        let next_in = batch
            .next_in
            .map(|wait| if stands_still { wait.max(STANDSTILL) } else { wait });
        self.stage = Stage::Poll(Some(batch.cursor));
        Committed {
            next_in,
            progress: batch.progress,
            totals,
        }
    }
}

/// A counter over all its labels.
fn sum(measures: &[Measure], name: &str) -> u64 {
    measures
        .iter()
        .filter(|measure| measure.name == name && measure.kind == MeasureKind::Counter)
        .fold(0, |sum, measure| sum.saturating_add(measure.value))
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, more: &Self) {
        self.events = self.events.saturating_add(more.events);
        self.rejected = self.rejected.saturating_add(more.rejected);
        self.dropped = self.dropped.saturating_add(more.dropped);
        self.duplicates = self.duplicates.saturating_add(more.duplicates);
        self.requests = self.requests.saturating_add(more.requests);
    }
}
