//! An input: what is ready goes into Fluent Bit's chunks, and when it is there, its cursor is committed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use headwater::model::{Failure, Fault};
use headwater::reading::AckError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{Instrument, debug, error_span};

use crate::abi::FluentBit;
use crate::reader::Waiting;

/// For so long the engine, which does everything else in this thread, is kept at each turn.
const TURN: Duration = Duration::from_millis(50);

/// An input of Fluent Bit.
pub struct Input {
    fluent_bit: FluentBit,
    runtime: Handle,
    incoming: mpsc::Receiver<Waiting>,
    /// What was not taken, and when it is tried again.
    held: VecDeque<(Instant, Waiting)>,
    commits: JoinSet<()>,
}

/// What became of putting a batch into chunks.
enum Put {
    Done,
    /// The turn is over.
    Interrupted,
    /// Fluent Bit takes nothing at present.
    Refused,
}

impl Input {
    pub fn new(fluent_bit: FluentBit, runtime: Handle, incoming: mpsc::Receiver<Waiting>) -> Self {
        Self {
            fluent_bit,
            runtime,
            incoming,
            held: VecDeque::new(),
            commits: JoinSet::new(),
        }
    }

    /// A turn in the engine's thread. Never waits.
    pub fn collect(&mut self) {
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        while self.commits.try_join_next().is_some() {}
        let end = Instant::now() + TURN;
        while let Some(ready) = self.next() {
            if !matches!(self.put(ready, end), Put::Done) || Instant::now() >= end {
                return;
            }
        }
    }

    /// What is to be tried now: what was held for long enough, or else what is new.
    fn next(&mut self) -> Option<Waiting> {
        let now = Instant::now();
        let due = self.held.iter().position(|(until, _)| *until <= now);
        match due.and_then(|place| self.held.remove(place)) {
            Some((_, ready)) => Some(ready),
            None => self.incoming.try_recv().ok(),
        }
    }

    fn put(&mut self, mut ready: Waiting, end: Instant) -> Put {
        while let Some(piece) = ready.pieces.front() {
            if !self.fluent_bit.append(piece) {
                self.hold(ready);
                return Put::Refused;
            }
            ready.pieces.pop_front();
            if !ready.pieces.is_empty() && Instant::now() >= end {
                self.held.push_front((Instant::now(), ready));
                return Put::Interrupted;
            }
        }
        let span = span_of(&ready);
        self.commits
            .spawn_on(commit(ready).instrument(span), &self.runtime);
        Put::Done
    }

    /// Keeps a batch for later, or lets it be fetched again.
    fn hold(&mut self, mut ready: Waiting) {
        let _span = span_of(&ready).entered();
        let failure = Failure::host(
            Fault::Retry,
            "sink",
            "Fluent Bit cannot put records into a chunk at present",
        )
        .with_hint(
            "check its disk and its limits (`storage.max_chunks_up`, `mem_buf_limit`); nothing is lost",
        );
        match ready.batch.undelivered(&failure) {
            Some(wait) if ready.batch.can_wait() => self.held.push_back((Instant::now() + wait, ready)),
            _ => debug!("too many batches wait: this one will be fetched again"),
        }
    }

    /// Waits until the cursors of what is in chunks are committed.
    pub async fn finish(&mut self) {
        while self.commits.join_next().await.is_some() {}
    }
}

fn span_of(ready: &Waiting) -> tracing::Span {
    let source = error_span!("source", id = ready.batch.source());
    source.in_scope(|| error_span!("partition", id = ready.batch.partition()))
}

/// Commits the cursor of a batch whose records are in chunks, however often that takes.
async fn commit(mut ready: Waiting) {
    loop {
        let failure = match attempt(&mut ready).await {
            Ok(()) => return,
            Err(failure) => failure,
        };
        match ready.batch.undelivered(&failure) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return,
        }
    }
}

async fn attempt(ready: &mut Waiting) -> Result<(), Failure> {
    let Waiting {
        batch, dead_letters, ..
    } = ready;
    batch.redact().await?;
    let kept = dead_letters.keep(batch.partition(), batch.rejected()).await;
    kept.map_err(|error| {
        let message = format!("cannot keep rejected items in {error}");
        Failure::host(Fault::Retry, "dead-letter", message)
    })?;
    batch.discard_rejected();
    match batch.ack().await {
        // Not read any more: the batch is fetched again when it is.
        Ok(()) | Err(AckError::Closed) => Ok(()),
        Err(error) => Err(Failure::host(Fault::Retry, "state", error)),
    }
}
