//! One partition's way: poll, deliver, commit, and never two of them at once.

use std::collections::HashMap;
use std::ops::{AddAssign, Range};
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::batch::Batch;
use crate::batch_memory::{self, BatchMemory, Reservation};
use crate::bindings::exports::headwater::source::source::Progress;
use crate::bindings::exports::headwater::source::types::{Measure, MeasureKind};
use crate::cursor_bytes::KEPT_IN_MEMORY;
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, Fault};
use crate::monitor::{Monitor, Stored};
use crate::redact::Redactor;
use crate::sink::{Delivery, SinkError, Undelivered};
use crate::source::{Outlets, Source};
use crate::state::{LoadError, State};

/// Wait at least this long after a poll that brought nothing and moved nothing, whatever the plugin says: an error in
/// its paging must not become a loop.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Memory that is reserved for the first batch of a partition, in KiB; its size is known after the poll.
const FIRST_BATCH_KIB: u32 = 64;

/// Secrets are looked for in so many bytes of refused events at once, or in a single one.
const REDACTED_AT_ONCE: usize = 1 << 20;

/// A plugin that asks for a longer pause gets this one, or the interval if that is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A partition of a source, and how far its present batch has come.
pub(crate) struct Partition {
    pub(crate) source: Arc<Source>,
    pub(crate) id: String,
    outlets: Outlets,
    shared: Shared,
    stage: Stage,
    /// Memory that the last batch took, in KiB.
    usual_kib: u32,
}

/// What the partitions of all sources share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) state: State,
    /// Bounds the memory of batches.
    pub(crate) memory: BatchMemory,
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
    /// Events that the sink has accepted or refused permanently.
    settled: usize,
    /// Rejected items, from the first one on, that hold no secrets: those that the call brought do not from the beginning.
    redacted: usize,
    /// Knows the secrets and tokens of the call that brought the batch.
    redactor: Redactor,
    /// Why the sink refused the last of those, until that is logged.
    refusal: Option<String>,
    /// The memory that it takes while it is on its way.
    on_its_way: Option<Reservation>,
    /// The memory that it takes while it waits for its receiver.
    waiting: Option<Reservation>,
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
    /// Those of them that a sink refused.
    pub refused: u64,
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
            usual_kib: FIRST_BATCH_KIB,
        }
    }

    /// Takes the steps that are left until one batch is committed. After an error, call it again to go on.
    pub(crate) async fn advance(&mut self) -> Result<Committed, Failure> {
        loop {
            // A cancelled step leaves `Start`: the stored cursor is the truth.
            self.stage = match std::mem::replace(&mut self.stage, Stage::Start) {
                Stage::Start => Stage::Poll(self.load().await?),
                Stage::Poll(cursor) => match self.poll(cursor.clone()).await? {
                    Some(pending) => Stage::Deliver(pending),
                    None => Stage::Poll(cursor),
                },
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

    /// Polls once. None if the batch was larger than expected and there is no memory for it at present: the next poll waits
    /// until there is.
    async fn poll(&mut self, cursor: Option<Vec<u8>>) -> Result<Option<Pending>, Failure> {
        // Whatever goes wrong from here on, the next poll begins at this cursor again.
        self.stage = Stage::Poll(cursor.clone());
        let config = self.source.resolve().await?;
        let (memory, own) = (&self.shared.memory, &self.source.allowance);
        let reserved = memory.reserve(own, self.usual_kib).await;
        let called = self.source.caller.poll(&config, &self.id, cursor.clone()).await;
        debug!(took = ?called.took, cpu = ?called.usage.cpu, memory = called.usage.memory, "polled");
        let (usage, took) = (&called.usage, called.took);
        self.shared
            .monitor
            .called(self.source.name(), &self.id, usage, took, called.result.is_ok());
        let batch = called.result.inspect_err(|failure| {
            if failure.fault == Fault::InvalidCursor {
                // A person decides about it, and what was decided is found in the state.
                self.stage = Stage::Start;
            }
        })?;
        self.source.cursors.note(&self.id, batch.cursor.len())?;
        let kib = batch_memory::kib(&batch, cursor.as_deref(), &called.scrubber);
        self.usual_kib = kib.max(self.usual_kib / 2);
        let on_its_way = memory.resize(reserved, own, kib);
        if on_its_way.is_none() {
            if BatchMemory::is_beyond_all(kib) {
                let message = format_args!("a batch takes {} MiB of memory, which is too much", kib >> 10);
                return Err(Failure::host(Fault::Broken, "batch", message).with_hint(
                    "lower `limits.batch_events` of the source, or report it to the plugin's author",
                ));
            }
            debug!(kib, "no memory for a batch at present: it will be fetched again");
            return Ok(None);
        }
        let totals = Totals {
            events: batch.events.len() as u64,
            rejected: batch.rejected.len() as u64,
            refused: 0,
            dropped: sum(&batch.measures, "dropped"),
            duplicates: sum(&batch.measures, "duplicates"),
            requests: called.usage.traffic.requests.into(),
        };
        let redacted = batch.rejected.len();
        let bytes = batch.events.iter().map(|event| event.body.len() as u64).sum();
        Ok(Some(Pending {
            batch,
            previous: cursor,
            totals,
            bytes,
            newest: 0,
            settled: 0,
            redacted,
            redactor: called.scrubber,
            refusal: None,
            on_its_way,
            waiting: None,
        }))
    }

    /// What to do next with a batch that could not be delivered: wait with it where there is room, else fetch it again. One
    /// whose events were accepted always waits.
    fn after_refusal(&self, mut pending: Pending) -> Stage {
        let kib = batch_memory::kib(&pending.batch, pending.previous.as_deref(), &pending.redactor);
        pending.waiting = match pending.waiting.take() {
            // Some of its events may be settled meanwhile.
            Some(waiting) => self.shared.memory.resize(waiting, &self.source.allowance, kib),
            None => self.shared.memory.wait_with(kib),
        };
        if pending.waiting.is_some() {
            pending.on_its_way = None;
        }
        if pending.waiting.is_some() || pending.batch.events.is_empty() {
            return Stage::Deliver(pending);
        }
        debug!("too many batches wait for their receivers: this one will be fetched again");
        Stage::Poll(pending.previous)
    }

    /// Gives the events to the sink and the rest to the dead-letter file. Can be repeated after an error: only events that
    /// are not settled are delivered again.
    async fn deliver(&self, pending: &mut Pending) -> Result<(), Failure> {
        if !pending.batch.events.is_empty() {
            let delivery = Delivery {
                source: self.source.name(),
                partition: &self.id,
                events: &pending.batch.events,
                settled: pending.settled,
                redactor: &pending.redactor,
            };
            match self.outlets.sink.deliver(delivery).await {
                Ok(accepted) => pending.settle(&[], accepted.refused),
                Err(undelivered) => {
                    let Undelivered {
                        remaining,
                        refused,
                        error,
                    } = undelivered;
                    pending.settle(&remaining, refused);
                    return Err(failure_of(error));
                }
            }
        }
        self.redact_refused(pending).await?;
        let dead_letters = &self.outlets.dead_letters;
        dead_letters
            .keep(&self.id, &pending.batch.rejected)
            .await
            .map_err(|error| {
                let message = format!("cannot keep rejected items in the dead-letter file {error}");
                Failure::host(Fault::Retry, "dead-letter", message)
            })?;
        pending.batch.rejected.clear();
        pending.redacted = 0;
        if let Some(reason) = pending.refusal.take() {
            let (file, refused) = (dead_letters.path().display(), pending.totals.refused);
            warn!(%file, refused, "the sink refused events permanently; they are in the dead-letter file: {reason}");
        }
        Ok(())
    }

    /// Takes the secrets of the source out of the events that the sink refused, a bounded part at a time and away from the
    /// workers. What has been done is not done again after an error.
    async fn redact_refused(&self, pending: &mut Pending) -> Result<(), Failure> {
        while let Some(part) = pending.next_to_redact() {
            let (letters, redactor) = (
                pending.batch.rejected[part.clone()].to_vec(),
                pending.redactor.clone(),
            );
            let redact = move || {
                letters
                    .into_iter()
                    .map(|letter| letter.redacted(&redactor))
                    .collect::<Vec<_>>()
            };
            let letters = self.source.caller.compute(redact).await.map_err(|error| {
                let message =
                    format!("cannot look for secrets in refused events before they are kept: {error}");
                Failure::host(Fault::Retry, "dead-letter", message)
            })?;
            pending.redacted = part.end;
            pending.batch.rejected.splice(part, letters);
        }
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
            ..
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
        let next_in = next_in.map(|wait| wait.min(LONGEST_WAIT.max(self.source.interval)));
        self.stage = if batch.cursor.len() > KEPT_IN_MEMORY {
            Stage::Start
        } else {
            Stage::Poll(Some(batch.cursor))
        };
        Committed {
            next_in,
            progress: batch.progress,
            totals,
        }
    }
}

impl Pending {
    /// The next rejected items to be redacted: as many as are looked at at once, and one at least; none when all are.
    fn next_to_redact(&self) -> Option<Range<usize>> {
        let left = &self.batch.rejected[self.redacted..];
        let mut bytes = 0;
        let fits = |letter: &&DeadLetter| {
            bytes += letter.size();
            bytes <= REDACTED_AT_ONCE
        };
        let count = left.iter().take_while(fits).count().max(1);
        (!left.is_empty()).then(|| self.redacted..self.redacted + count)
    }

    /// Keeps the events at these places for the next delivery, and moves those that the sink refused to the rejected items.
    /// All others were accepted.
    fn settle(&mut self, remaining: &[usize], refused: Vec<(usize, String)>) {
        let mut reasons: HashMap<usize, String> = refused.into_iter().collect();
        let mut remaining = remaining.iter().copied().peekable();
        for (place, event) in std::mem::take(&mut self.batch.events).into_iter().enumerate() {
            if remaining.next_if_eq(&place).is_some() {
                self.batch.events.push(event);
                continue;
            }
            self.settled += 1;
            let Some(reason) = reasons.remove(&place) else {
                self.newest = self.newest.max(event.time);
                continue;
            };
            self.bytes = self.bytes.saturating_sub(event.body.len() as u64);
            self.totals.events -= 1;
            self.totals.rejected += 1;
            self.totals.refused += 1;
            self.refusal = Some(reason.clone());
            self.batch.rejected.push(DeadLetter {
                id: Some(event.id),
                reason,
                raw: event.body.into_bytes(),
            });
        }
    }
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
        self.refused = self.refused.saturating_add(more.refused);
        self.dropped = self.dropped.saturating_add(more.dropped);
        self.duplicates = self.duplicates.saturating_add(more.duplicates);
        self.requests = self.requests.saturating_add(more.requests);
    }
}
