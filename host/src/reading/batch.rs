//! A batch in the hands of whoever delivers it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::ack::{AckError, AckHandle};
use super::batch_memory::{self, Allowance, BatchMemory, Reservation};
use super::observer::{Notice, Notices};
use super::summary::Summary;
use super::trouble::{Next, Trouble};
use crate::component::{Fetched, redacted};
use crate::model::{Attribute, Event, Failure, Fault, Measure, Progress, RefusedEvent, Rejected, Totals};
use crate::redact::Redactor;
use crate::work::compute::Compute;

/// Secrets are looked for in so many bytes of refused events at once, or in a single one.
const REDACTED_AT_ONCE: usize = 1 << 20;

/// Events of one partition, to be delivered and then acknowledged.
///
/// Nothing is committed before [`Batch::ack`]. A batch that is dropped without it is fetched again after a pause, from the
/// cursor before it; events of it that were delivered are delivered once more, under equal ids. Until a partition's batch is
/// acknowledged or dropped, it is not polled again.
pub struct Batch {
    source: Arc<str>,
    partition: Arc<str>,
    title: Arc<str>,
    attributes: Arc<[Attribute]>,
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    measures: Vec<Measure>,
    caught_up: bool,
    progress: Option<Progress>,
    summary: Summary,
    /// Events that are accounted for.
    settled: usize,
    /// Rejected items, from the first one on, that hold no secrets: those that the call brought do not from the beginning.
    redacted: usize,
    redactor: Redactor,
    compute: Compute,
    /// Bytes that are kept for the batch elsewhere: its cursor, and the one before it.
    cursor_bytes: usize,
    memory: BatchMemory,
    allowance: Allowance,
    reservation: Option<Reservation>,
    waiting: Option<Reservation>,
    trouble: Arc<Trouble>,
    notices: Notices,
    acks: AckHandle,
}

/// Everything that a batch is made of.
pub(super) struct Parts {
    pub(super) source: Arc<str>,
    pub(super) partition: Arc<str>,
    pub(super) title: Arc<str>,
    pub(super) attributes: Arc<[Attribute]>,
    pub(super) fetched: Fetched,
    pub(super) requests: u64,
    pub(super) redactor: Redactor,
    pub(super) cursor_bytes: usize,
    pub(super) memory: BatchMemory,
    pub(super) allowance: Allowance,
    pub(super) reservation: Reservation,
    pub(super) trouble: Arc<Trouble>,
    pub(super) notices: Notices,
    pub(super) acks: AckHandle,
    pub(super) compute: Compute,
}

impl Batch {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            source,
            partition,
            title,
            attributes,
            fetched,
            requests,
            redactor,
            cursor_bytes,
            memory,
            allowance,
            reservation,
            trouble,
            notices,
            acks,
            compute,
        } = parts;
        let Fetched {
            events,
            rejected,
            measures,
            caught_up,
            progress,
            ..
        } = fetched;
        let totals = Totals {
            events: events.len() as u64,
            rejected: rejected.len() as u64,
            requests,
            ..Totals::from_measures(&measures)
        };
        let summary = Summary {
            totals,
            bytes: events.iter().map(|event| event.body.len() as u64).sum(),
            newest: 0,
        };
        Self {
            source,
            partition,
            title,
            attributes,
            summary,
            settled: 0,
            redacted: rejected.len(),
            events,
            rejected,
            measures,
            caught_up,
            progress,
            redactor,
            compute,
            cursor_bytes,
            memory,
            allowance,
            reservation: Some(reservation),
            waiting: None,
            trouble,
            notices,
            acks,
        }
    }

    /// The name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The partition: the stream that these events belong to, and in which their ids are unique.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The partition's name for people; may be empty.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is true of each event of the partition, for example the subscription that it belongs to.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The events that are not settled yet ([`Batch::settle`]): all of them, at first. May be empty: reading can make
    /// progress without events, and a batch without events is acknowledged like any other.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was read and is not an event. It belongs into a place where a person finds it, before the batch is acknowledged: it
    /// is not read again.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Whether nothing more was ready when the batch was fetched.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// How far reading has come with this batch; none where the plugin has no times to tell it by.
    pub fn progress(&self) -> Option<Progress> {
        self.progress
    }

    /// The plugin's numbers about the poll.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// What the batch has come to so far.
    pub fn totals(&self) -> &Totals {
        &self.summary.totals
    }

    /// Events that have been settled.
    pub fn settled(&self) -> usize {
        self.settled
    }

    /// Knows the secrets of the source and the tokens of the call that brought the batch: for texts of others, such as a
    /// receiver's answer, that are logged.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Notes the result of a partial delivery. The events at the places in `remaining`, counted in [`Batch::events`] and sorted, are
    /// still to be delivered. Those in `refused` will never be accepted, for the reason given: they become rejected items
    /// ([`Batch::redact`] takes secrets out of them). All others are delivered.
    pub fn settle(&mut self, remaining: &[usize], refused: Vec<(usize, String)>) {
        let mut reasons: HashMap<usize, String> = refused.into_iter().collect();
        let mut remaining = remaining.iter().copied().peekable();
        for (place, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            if remaining.next_if_eq(&place).is_some() {
                self.events.push(event);
                continue;
            }
            self.settled += 1;
            let Summary {
                totals,
                bytes,
                newest,
            } = &mut self.summary;
            let Some(reason) = reasons.remove(&place) else {
                *newest = event.time.unwrap_or_default().max(*newest);
                continue;
            };
            *bytes = bytes.saturating_sub(event.body.len() as u64);
            totals.events = totals.events.saturating_sub(1);
            totals.rejected += 1;
            totals.refused += 1;
            self.rejected.push(Rejected {
                id: Some(event.id),
                reason,
                raw: event.body.into_bytes(),
                refused: Some(Box::new(RefusedEvent {
                    time: event.time,
                    severity: event.severity,
                    attributes: event.attributes,
                    partition_attributes: self.attributes.clone(),
                })),
            });
        }
    }

    /// Takes the source's secrets out of the events that were refused, a bounded part at a time and on threads for that. What
    /// has been done is not done again after an error.
    ///
    /// # Errors
    ///
    /// It could not be done at present.
    pub async fn redact(&mut self) -> Result<(), Failure> {
        while let Some(part) = self.next_to_redact() {
            let (items, redactor) = (self.rejected[part.clone()].to_vec(), self.redactor.clone());
            let redact = move || -> Vec<Rejected> {
                items.into_iter().map(|item| redacted(item, &redactor)).collect()
            };
            let items = self.compute.run(redact).await.map_err(|error| {
                let message =
                    format!("cannot look for secrets in refused events before they are kept: {error}");
                Failure::host(Fault::Retry, "dead-letter", message)
            })?;
            self.redacted = part.end;
            self.rejected.splice(part, items);
        }
        Ok(())
    }

    /// Discards the rejected items, once they have been kept.
    pub fn discard_rejected(&mut self) {
        self.rejected = Vec::new();
        self.redacted = 0;
    }

    /// Commits the cursor, so that reading goes on after this batch. To be called once all events and rejected items are safe.
    ///
    /// Cancelling this does not undo the commit. Once it has succeeded, calling it again changes nothing.
    ///
    /// # Errors
    ///
    /// The store could not do it, and the batch can be acknowledged again; or the source is not read any more.
    pub async fn ack(&self) -> Result<(), AckError> {
        let mut summary = self.summary.clone();
        let delivered = self.events.iter().map(|event| event.time.unwrap_or_default());
        summary.newest = delivered.fold(summary.newest, u64::max);
        self.acks.ack(summary).await
    }

    /// Notes that the batch cannot be delivered at present. Operators are told when that is news, and the observer is.
    ///
    /// Returns how long to wait before the next try, with this batch or, after it was dropped, with another; none when the reading gives
    /// the partition up, and the batch is to be dropped.
    pub fn undelivered(&self, failure: &Failure) -> Option<Duration> {
        let next = self.trouble.undelivered(failure);
        let notice = Notice::Failed {
            partition: Some(self.partition.clone()),
            failure: failure.clone(),
        };
        self.notices.send(&self.source, notice);
        match next {
            Next::Wait(wait) => Some(wait),
            Next::GiveUp => None,
        }
    }

    /// Asks whether the batch can be kept until it can be delivered: batches that wait have memory of their own, so that they
    /// take none from those that flow. Where there is none left, the batch should be dropped. A batch of which everything
    /// was delivered can always be kept.
    pub fn can_wait(&mut self) -> bool {
        let kib = batch_memory::kib(
            &self.events,
            &self.rejected,
            &self.measures,
            self.cursor_bytes,
            &self.redactor,
        );
        self.waiting = match self.waiting.take() {
            // Some of its events may be settled meanwhile.
            Some(waiting) => self.memory.resize(waiting, &self.allowance, kib),
            None => self.memory.wait_with(kib),
        };
        if self.waiting.is_some() {
            self.reservation = None;
        }
        self.waiting.is_some() || self.events.is_empty()
    }

    /// The next rejected items to be redacted: as many as are looked at at once, and one at least; none when all are.
    fn next_to_redact(&self) -> Option<Range<usize>> {
        let left = &self.rejected[self.redacted..];
        let mut bytes = 0;
        let fits = |item: &&Rejected| {
            bytes += item.size();
            bytes <= REDACTED_AT_ONCE
        };
        let count = left.iter().take_while(fits).count().max(1);
        (!left.is_empty()).then(|| self.redacted..self.redacted + count)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batch")
            .field("source", &self.source)
            .field("partition", &self.partition)
            .field("events", &self.events.len())
            .field("rejected", &self.rejected.len())
            .finish_non_exhaustive()
    }
}
