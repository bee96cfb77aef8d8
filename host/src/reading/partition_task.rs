//! One partition: poll, hand out the batch, commit, wait, and never two batches at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::ack;
use super::batch::{Batch, Parts};
use super::batch_memory::{self, BatchMemory, Reservation};
use super::former;
use super::observer::Notice;
use super::shared::{Lane, Shared};
use super::trouble::{Next, Trouble, Until};
use super::upstream::{Polled, Upstream};
use crate::component::Fetched;
use crate::cursor::{Commit, KEPT_IN_MEMORY, Position};
use crate::model::{Attribute, Failure, Fault};
use crate::redact::Redactor;

/// Wait at least this long after a poll that brought nothing and moved nothing, whatever the plugin says: an error in
/// its paging must not become a loop.
const STANDSTILL: Duration = Duration::from_secs(1);
/// Memory that is reserved for the first batch of a partition, in KiB; its size is known after the poll.
const FIRST_BATCH_KIB: u32 = 64;
/// A plugin that asks for a longer pause gets this one, or the interval if that is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A batch on its way to whoever asks for the next one. While it is not taken, its source has one turn less.
pub(super) struct Handed {
    pub(super) batch: Batch,
    pub(super) turn: OwnedSemaphorePermit,
}

/// How a partition's reading has ended.
#[derive(Debug)]
pub(super) enum End {
    /// It has caught up, and that was asked for.
    CaughtUp,
    /// It was stopped.
    Stopped,
    /// Nothing more will come of it.
    Failed(Failure),
}

/// Reads one partition.
pub(super) struct PartitionTask<U> {
    pub(super) upstream: Arc<U>,
    pub(super) source: Arc<str>,
    pub(super) id: Arc<str>,
    pub(super) title: Arc<str>,
    /// Names under which it was read before.
    pub(super) formerly: Vec<String>,
    pub(super) attributes: Arc<[Attribute]>,
    pub(super) shared: Shared,
    pub(super) lane: Lane,
    pub(super) until: Until,
    /// Bounds the polls of the source, and its batches that nobody has taken.
    pub(super) turns: Arc<Semaphore>,
    pub(super) out: mpsc::UnboundedSender<Box<Handed>>,
    pub(super) stop: CancellationToken,
    /// Held while anything of an earlier reading of the source could still be committed.
    pub(super) _only: Arc<OwnedMutexGuard<()>>,
}

/// What is known of where reading goes on.
enum Known {
    /// Only the store knows.
    Nothing,
    /// After this cursor; none stands for the beginning.
    Cursor(Option<Vec<u8>>),
}

/// What became of one round.
enum Round {
    Committed {
        next_in: Option<Duration>,
        caught_up: bool,
    },
    /// The batch was larger than expected and there is no memory for it at present.
    NoMemory,
    /// The batch was dropped.
    Dropped,
    /// Nobody reads any more.
    Closed,
}

/// A batch that was fetched, and the memory for it.
struct Ready {
    fetched: Fetched,
    previous: Option<Vec<u8>>,
    /// Bytes of both cursors.
    cursor_bytes: usize,
    requests: u64,
    redactor: Redactor,
    reservation: Reservation,
}

impl<U: Upstream> PartitionTask<U> {
    /// Reads until there is nothing more to do, or until it is stopped. A step that has begun is finished: stopping takes effect
    /// between steps, and a batch that was handed out can still be acknowledged.
    pub(super) async fn run(self, delay: Duration) -> End {
        let trouble = Arc::new(Trouble::new(self.until, self.upstream.interval()));
        let mut known = Known::Nothing;
        let mut usual_kib = FIRST_BATCH_KIB;
        let mut wait = delay;
        loop {
            let turn = tokio::select! {
                // A wish to stop comes before a turn that is there at once.
                biased;
                () = self.stop.cancelled() => return End::Stopped,
                turn = self.turn_after(wait) => turn,
            };
            let started = Instant::now();
            let round = self.round(&mut known, &mut usual_kib, turn, &trouble).await;
            wait = match self.wait_after(round, started, &trouble) {
                Ok(wait) => wait,
                Err(end) => return end,
            };
            debug!(?wait, "waiting");
        }
    }

    /// How long to wait for the next round, unless this was the last.
    fn wait_after(
        &self,
        round: Result<Round, Failure>,
        started: Instant,
        trouble: &Trouble,
    ) -> Result<Duration, End> {
        let (failure, next) = match round {
            Ok(Round::Closed) => return Err(End::Stopped),
            Ok(Round::Committed { caught_up: true, .. }) if self.until == Until::CaughtUp => {
                return Err(End::CaughtUp);
            }
            Ok(Round::Committed { next_in, .. }) => {
                let rest = self.upstream.interval().saturating_sub(started.elapsed());
                return Ok(next_in.unwrap_or(rest));
            }
            Ok(Round::NoMemory) => return Ok(Duration::ZERO),
            Ok(Round::Dropped) => trouble.take_delivery().unwrap_or_else(|| {
                let message = "a batch was dropped without acknowledgement; it is fetched again";
                self.failed(trouble, Failure::host(Fault::Retry, "unacknowledged", message))
            }),
            Err(failure) => self.failed(trouble, failure),
        };
        match next {
            Next::Wait(wait) => Ok(wait),
            Next::GiveUp => Err(End::Failed(failure)),
        }
    }

    /// Waits, and then until the source may be read, and for a turn.
    async fn turn_after(&self, wait: Duration) -> OwnedSemaphorePermit {
        tokio::time::sleep(wait).await;
        self.shared.store.ready(&self.source).await;
        match self.turns.clone().acquire_owned().await {
            Ok(turn) => turn,
            // Never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// From the cursor over the poll to the commit. What fails leaves the truth in the store.
    async fn round(
        &self,
        known: &mut Known,
        usual_kib: &mut u32,
        turn: OwnedSemaphorePermit,
        trouble: &Arc<Trouble>,
    ) -> Result<Round, Failure> {
        let cursor = match std::mem::replace(known, Known::Nothing) {
            Known::Cursor(cursor) => cursor,
            Known::Nothing => self.load().await?,
        };
        let polled = self.poll(cursor.clone(), usual_kib).await;
        // After a failure the next poll begins there again. Where a person decides about the cursor, what was decided is in
        // the store.
        let is_invalid = matches!(&polled, Err(failure) if failure.fault == Fault::InvalidCursor);
        if !is_invalid {
            *known = Known::Cursor(cursor);
        }
        let Some(ready) = polled? else {
            return Ok(Round::NoMemory);
        };
        *known = Known::Nothing;
        self.deliver(ready, known, turn, trouble).await
    }

    async fn load(&self) -> Result<Option<Vec<u8>>, Failure> {
        let (store, plugin) = (&*self.shared.store, self.upstream.plugin());
        let position = former::position(store, &self.source, plugin, &self.id, &self.formerly);
        match position.await {
            Ok(Position::NeverRead) => Ok(None),
            Ok(Position::At(cursor)) => Ok(Some(cursor)),
            Ok(Position::Lost(reason)) => Err(Failure::host(Fault::InvalidCursor, "state", reason)),
            Err(error) => Err(Failure::host(Fault::Retry, "state", error)),
        }
    }

    /// Polls once. None if there is no memory for the batch at present: the next poll waits until there is.
    async fn poll(&self, cursor: Option<Vec<u8>>, usual_kib: &mut u32) -> Result<Option<Ready>, Failure> {
        let prepared = self.upstream.prepare().await?;
        let (memory, own) = (&self.shared.memory, &self.lane.allowance);
        let reserved = memory.reserve(own, *usual_kib).await;
        let polled = self.upstream.poll(prepared, &self.id, cursor.clone()).await;
        let Polled {
            result,
            measures,
            usage,
            took,
            redactor,
            slot,
        } = polled;
        debug!(?took, cpu = ?usage.cpu, memory = usage.memory, "polled");
        let requests = usage.traffic.requests.into();
        let notice = Notice::Polled {
            partition: self.id.clone(),
            usage,
            took,
            succeeded: result.is_ok(),
            measures,
        };
        self.shared.notices.send(&self.source, notice);
        let fetched = result?;
        let cursor_bytes = fetched.cursor.len() + cursor.as_ref().map_or(0, Vec::len);
        let kib = batch_memory::kib(
            &fetched.events,
            &fetched.rejected,
            &fetched.measures,
            cursor_bytes,
            &redactor,
        );
        *usual_kib = kib.max(*usual_kib / 2);
        let Some(reservation) = memory.resize(reserved, own, kib) else {
            if BatchMemory::is_beyond_all(kib) {
                let message = format_args!("a batch takes {} MiB of memory, which is too much", kib >> 10);
                return Err(Failure::host(Fault::Broken, "batch", message).with_hint(
                    "lower `limits.batch_events` of the source, or report it to the plugin's author",
                ));
            }
            debug!(kib, "no memory for a batch at present: it will be fetched again");
            return Ok(None);
        };
        drop(slot);
        Ok(Some(Ready {
            fetched,
            previous: cursor,
            cursor_bytes,
            requests,
            redactor,
            reservation,
        }))
    }

    /// Hands the batch out and commits when it is acknowledged.
    async fn deliver(
        &self,
        ready: Ready,
        known: &mut Known,
        turn: OwnedSemaphorePermit,
        trouble: &Arc<Trouble>,
    ) -> Result<Round, Failure> {
        let Ready {
            mut fetched,
            previous,
            cursor_bytes,
            requests,
            redactor,
            reservation,
        } = ready;
        let cursor = std::mem::take(&mut fetched.cursor);
        let is_standstill = fetched.events.is_empty() && previous.as_ref() == Some(&cursor);
        let next_in = self.next_in(fetched.next_in, is_standstill);
        let (caught_up, progress) = (fetched.caught_up, fetched.progress);
        let measures = fetched.measures.clone();
        let (handle, mut acks) = ack::channel();
        let batch = Batch::new(Parts {
            source: self.source.clone(),
            partition: self.id.clone(),
            title: self.title.clone(),
            attributes: self.attributes.clone(),
            fetched,
            requests,
            redactor,
            cursor_bytes,
            memory: self.shared.memory.clone(),
            allowance: self.lane.allowance.clone(),
            reservation,
            trouble: trouble.clone(),
            notices: self.shared.notices.clone(),
            acks: handle,
            compute: self.lane.compute.clone(),
        });
        if self.out.send(Box::new(Handed { batch, turn })).is_err() {
            return Ok(Round::Closed);
        }
        while let Some(request) = acks.next().await {
            let brought = &request.summary.totals;
            let commit = Commit::new(&self.source, &self.id, self.upstream.plugin(), &cursor)
                .quiet(brought.events == 0 && brought.rejected == 0);
            match self.shared.store.commit(commit).await {
                Ok(()) => {
                    acks.committed();
                    trouble.over();
                    let summary = request.summary;
                    let notice = Notice::Committed {
                        partition: self.id.clone(),
                        totals: summary.totals,
                        bytes: summary.bytes,
                        newest: summary.newest,
                        caught_up,
                        progress,
                        measures,
                    };
                    self.shared.notices.send(&self.source, notice);
                    // Whoever asked may have stopped waiting.
                    let _ = request.answer.send(Ok(()));
                    if cursor.len() <= KEPT_IN_MEMORY {
                        *known = Known::Cursor(Some(cursor));
                    }
                    return Ok(Round::Committed { next_in, caught_up });
                }
                Err(error) => {
                    let _ = request.answer.send(Err(error));
                }
            }
        }
        Ok(Round::Dropped)
    }

    /// When the plugin wants to be called again, as far as that is sensible.
    fn next_in(&self, wish: Option<Duration>, is_standstill: bool) -> Option<Duration> {
        let longest = LONGEST_WAIT.max(self.upstream.interval());
        let shortest = if is_standstill { STANDSTILL } else { Duration::ZERO };
        wish.map(|wish| wish.max(shortest).min(longest))
    }

    /// Notes a failure, and what it leads to.
    fn failed(&self, trouble: &Trouble, failure: Failure) -> (Failure, Next) {
        let next = trouble.failed(&failure, "no progress");
        let notice = Notice::Failed {
            partition: Some(self.id.clone()),
            failure: failure.clone(),
        };
        self.shared.notices.send(&self.source, notice);
        (failure, next)
    }
}
