//! One delivery to a receiver over HTTP: its requests, and whom to blame for what is refused.
//!
//! A request that is refused as a whole is sent again in halves until single events are left. A single event that is
//! refused becomes a suspect. It is blamed, and becomes a dead letter, when the receiver proves that it is well (see
//! `suspect`), or when the receiver named the event while it took others in the same request. While the receiver
//! contradicts itself, refuses more than is plausible, or takes nothing at all, it is at fault, and its events wait.

mod steps;

use std::ops::Range;
use std::time::Instant;

use self::steps::{Fate, Step};
use super::batch_splitter::{BatchSplitter, halves};
use super::encoding::{EventOutcome, RequestOutcome};
use super::http::HttpSink;
use super::suspect::Suspect;
use super::{Accepted, DeliverFuture, Delivery, Sink, SinkError, Undelivered};
use crate::model::Event;

/// A receiver that has refused so many single events and taken none is not asked about each of the others.
const MOST_REFUSED_FIRST: usize = 3;
/// So many suspects are plausible in any delivery, and one more for every second event that is taken.
const MOST_SUSPECTS: usize = 10;
/// Attempts to complete the proof with events that the receiver has.
const PROBES: usize = 2;
/// Accepted events that serve as examples.
const MOST_EXAMPLES: usize = 64;

impl Sink for HttpSink {
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> DeliverFuture<'a> {
        Box::pin(Dispatch::new(self, delivery).run())
    }
}

/// A delivery in progress.
pub(super) struct Dispatch<'a> {
    sink: &'a HttpSink,
    delivery: Delivery<'a>,
    fates: Vec<Fate>,
    suspects: Vec<Suspect>,
    /// Events accepted so far, and bytes of the largest request accepted.
    accepted: usize,
    largest: usize,
    /// Parts that were refused as a whole, and not for their size.
    refused_parts: Vec<Range<usize>>,
    /// Whether the receiver refused what it takes.
    contradicted: bool,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(sink: &'a HttpSink, delivery: Delivery<'a>) -> Self {
        Self {
            sink,
            delivery,
            fates: vec![Fate::Open; delivery.events.len()],
            suspects: Vec::new(),
            accepted: 0,
            largest: 0,
            refused_parts: Vec::new(),
            contradicted: false,
        }
    }

    /// Delivers everything that can be delivered at present.
    pub(super) async fn run(mut self) -> Result<Accepted, Undelivered> {
        let stopped = self.send_all().await;
        self.conclude(stopped.err())
    }

    async fn send_all(&mut self) -> Result<(), SinkError> {
        // One byte is between two events, whatever the encoding.
        let sizes = self.delivery.events.iter().map(|event| event.body.len() + 1);
        let mut parts = BatchSplitter::within(self.sink.limits(), sizes);
        let is_trusted = !self.sink.judge.is_unwell(Instant::now());
        let mut has_surveyed = false;
        while let Some(part) = parts.next() {
            if is_trusted && self.accepted > 0 {
                self.retest().await?;
            }
            self.send_part(part, &mut parts).await?;
            let takes_nothing = self.accepted == 0 && self.suspects.len() > MOST_REFUSED_FIRST;
            if takes_nothing && !has_surveyed {
                has_surveyed = true;
                self.survey(&mut parts).await?;
            }
            if self.refuses_too_much() {
                return Ok(());
            }
        }
        if is_trusted { self.probe().await } else { Ok(()) }
    }

    /// Sends a part, and what it becomes when it is refused.
    async fn send_part(&mut self, part: Range<usize>, parts: &mut BatchSplitter) -> Result<(), SinkError> {
        match self.send(part.clone()).await {
            RequestOutcome::Accepted => self.accept(part),
            RequestOutcome::Each(outcomes) => self.settle_each(part, outcomes)?,
            RequestOutcome::Some { refused, reason } => {
                let refused = refused.and_then(|count| usize::try_from(count).ok());
                self.search(part, refused, &reason).await?;
            }
            RequestOutcome::Refused { reason, is_too_large } if part.len() == 1 => {
                self.suspect(part.start, reason, is_too_large);
            }
            // The receiver has no part in it, so that there is nothing to prove.
            RequestOutcome::TooLarge { reason } if part.len() == 1 => {
                self.fates[part.start] = Fate::Named(format!("the event alone makes {reason}"));
            }
            RequestOutcome::TooLarge { .. } => parts.halve(part),
            RequestOutcome::Refused { is_too_large, .. } => {
                if !is_too_large {
                    self.refused_parts.push(part.clone());
                }
                parts.halve(part);
            }
            RequestOutcome::Unavailable(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes over what a receiver says about each event of a request.
    fn settle_each(&mut self, part: Range<usize>, outcomes: Vec<EventOutcome>) -> Result<(), SinkError> {
        let took_others = outcomes.contains(&EventOutcome::Accepted);
        let mut later = None;
        let mut size = 0;
        let mut refused = Vec::new();
        for (place, outcome) in part.zip(outcomes) {
            match outcome {
                EventOutcome::Accepted => {
                    size += self.size_of(place);
                    self.settle(place);
                }
                EventOutcome::Refused(reason) if took_others => self.fates[place] = Fate::Named(reason),
                EventOutcome::Refused(reason) => refused.push((place, reason)),
                EventOutcome::Later(reason) => later = Some(reason),
            }
        }
        if size > 0 {
            self.note_accepted(size);
        }
        for (place, reason) in refused {
            self.suspect(place, reason, false);
        }
        match later {
            Some(reason) => Err(SinkError::unavailable(format!(
                "it did not take an event: {reason}"
            ))),
            None => Ok(()),
        }
    }

    /// Finds the events that a receiver counted as refused: it took the others of `part`, and gets halves of it again.
    async fn search(
        &mut self,
        part: Range<usize>,
        refused: Option<usize>,
        reason: &str,
    ) -> Result<(), SinkError> {
        let mut steps = vec![Step::Known(part, refused)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Ask(part) => match self.count_refused(part.clone()).await? {
                    Some(0) => self.accept(part),
                    refused => steps.push(Step::Known(part, refused)),
                },
                Step::Known(part, Some(0)) => self.accept(part),
                Step::Known(part, refused) if refused == Some(part.len()) || part.len() == 1 => {
                    for place in part {
                        self.fates[place] = Fate::Named(reason.to_owned());
                    }
                }
                Step::Known(part, refused) => {
                    let (first, second) = halves(part);
                    let in_first = self.count_refused(first.clone()).await?;
                    // What is not in the first half is in the second, which need not be sent again.
                    let in_second = refused
                        .zip(in_first)
                        .and_then(|(all, first)| all.checked_sub(first));
                    steps.push(match in_second.filter(|count| *count <= second.len()) {
                        Some(count) => Step::Known(second, Some(count)),
                        None => Step::Ask(second),
                    });
                    steps.push(Step::Known(first, in_first));
                }
            }
        }
        Ok(())
    }

    /// Sends a part, and returns how many of its events are refused; none where some are, of unknown number.
    async fn count_refused(&mut self, part: Range<usize>) -> Result<Option<usize>, SinkError> {
        match self.send(part.clone()).await {
            RequestOutcome::Accepted => Ok(Some(0)),
            RequestOutcome::Some { refused, .. } => Ok(refused.and_then(|count| usize::try_from(count).ok())),
            RequestOutcome::Refused { .. } | RequestOutcome::TooLarge { .. } => Ok(Some(part.len())),
            RequestOutcome::Unavailable(error) => Err(error),
            RequestOutcome::Each(_) => Err(SinkError::unavailable("it changed the form of its answers")),
        }
    }

    /// Sends suspects again, until each has been refused often enough since others were accepted.
    async fn retest(&mut self) -> Result<(), SinkError> {
        let mut index = 0;
        while index < self.suspects.len() && !self.contradicted {
            if !self.suspects[index].wants_refusal() {
                index += 1;
                continue;
            }
            let place = self.suspects[index].place;
            match self.send_alone(place).await? {
                Some(reason) => self.suspects[index].refused(reason),
                None => {
                    // Refused and accepted: whatever that depends on, it is not the event.
                    self.contradicted = true;
                    self.suspects.remove(index);
                    self.accept(place..place + 1);
                }
            }
        }
        Ok(())
    }

    /// Sends one event; returns why it is refused, or none.
    async fn send_alone(&mut self, place: usize) -> Result<Option<String>, SinkError> {
        match self.send(place..place + 1).await {
            RequestOutcome::Accepted => Ok(None),
            RequestOutcome::Refused { reason, .. }
            | RequestOutcome::TooLarge { reason }
            | RequestOutcome::Some { reason, .. } => Ok(Some(reason)),
            RequestOutcome::Unavailable(error) => Err(error),
            RequestOutcome::Each(outcomes) => match outcomes.into_iter().next() {
                Some(EventOutcome::Refused(reason)) => Ok(Some(reason)),
                Some(EventOutcome::Later(reason)) => Err(SinkError::unavailable(reason)),
                _ => Ok(None),
            },
        }
    }

    /// Sends each part that is left once, as a whole, to see whether the receiver takes anything.
    async fn survey(&mut self, parts: &mut BatchSplitter) -> Result<(), SinkError> {
        let mut again = Vec::new();
        for part in parts.take_all() {
            let mut split = BatchSplitter::empty();
            self.send_part(part, &mut split).await?;
            again.extend(split.take_all());
        }
        if self.accepted > 0 {
            again.into_iter().rev().for_each(|part| parts.push(part));
        }
        Ok(())
    }

    /// Completes the proof for suspects after which nothing was left to send, with events that the receiver has taken.
    async fn probe(&mut self) -> Result<(), SinkError> {
        let has_company = self.accepted > 0 || self.delivery.settled > 0;
        let is_single = self.delivery.events.len() == 1;
        let may_prove = has_company || (is_single && self.sink.judge.may_be_single(self.delivery.partition));
        for _ in 0..PROBES {
            let open = self.suspects.iter().filter(|suspect| !suspect.is_proven());
            let Some(size) = open
                .map(|suspect| suspect.size)
                .max()
                .filter(|_| may_prove && !self.contradicted)
            else {
                return Ok(());
            };
            let examples = self.examples(size);
            let examples: Vec<&Event> = examples.iter().collect();
            let size = examples.iter().map(|event| event.body.len()).sum();
            if examples.is_empty() {
                return Ok(());
            }
            self.retest().await?;
            match self.request(&examples).await {
                RequestOutcome::Accepted => self.note_accepted(size),
                RequestOutcome::Each(outcomes)
                    if outcomes.iter().all(|one| *one == EventOutcome::Accepted) =>
                {
                    self.note_accepted(size);
                }
                RequestOutcome::Unavailable(error) => return Err(error),
                RequestOutcome::TooLarge { .. } => return Ok(()),
                _ => {
                    // It has these events, and refuses them now.
                    self.contradicted = true;
                }
            }
        }
        Ok(())
    }

    /// Events that the receiver has taken, of `size` bytes together. Where there are too few, the same ones again.
    fn examples(&self, size: usize) -> Vec<Event> {
        let older = self.sink.judge.examples(size);
        let own = self.fates.iter().zip(self.delivery.events).rev();
        let own = own
            .filter(|(fate, _)| **fate == Fate::Accepted)
            .map(|(_, event)| event);
        let events: Vec<&Event> = own.take(MOST_EXAMPLES).chain(&older).collect();
        let mut sum = 0;
        let wanted = |event: &&&Event| {
            let more = sum < size;
            sum += event.body.len();
            more
        };
        let examples = events.iter().cycle().take(MOST_EXAMPLES).take_while(wanted);
        examples.map(|event| (*event).clone()).collect()
    }

    async fn send(&self, part: Range<usize>) -> RequestOutcome {
        let events: Vec<&Event> = self.delivery.events[part].iter().collect();
        self.request(&events).await
    }

    async fn request(&self, events: &[&Event]) -> RequestOutcome {
        self.sink.request(&self.delivery, events).await
    }

    fn accept(&mut self, part: Range<usize>) {
        let size = part.clone().map(|place| self.size_of(place)).sum();
        part.for_each(|place| self.settle(place));
        self.note_accepted(size);
    }

    fn settle(&mut self, place: usize) {
        self.fates[place] = Fate::Accepted;
        self.accepted += 1;
    }

    fn note_accepted(&mut self, size: usize) {
        self.largest = self.largest.max(size);
        self.suspects
            .iter_mut()
            .for_each(|suspect| suspect.others_accepted(size));
    }

    fn suspect(&mut self, place: usize, reason: String, is_too_large: bool) {
        let size = self.size_of(place);
        self.suspects
            .push(Suspect::new(place, reason, size, is_too_large, self.largest));
    }

    fn size_of(&self, place: usize) -> usize {
        self.delivery.events[place].body.len()
    }

    fn refuses_too_much(&self) -> bool {
        let takes_nothing = self.accepted == 0 && self.suspects.len() > MOST_REFUSED_FIRST;
        takes_nothing || self.suspects.len() > MOST_SUSPECTS + self.accepted / 2
    }

    /// Whether a part was refused that the receiver took in pieces, while it took a request as large.
    fn has_contradiction(&self) -> bool {
        self.contradicted
            || self.refused_parts.iter().any(|part| {
                let size: usize = part.clone().map(|place| self.size_of(place)).sum();
                size <= self.largest && part.clone().all(|place| self.fates[place] == Fate::Accepted)
            })
    }

    /// Decides about the suspects, and says what became of every event.
    fn conclude(mut self, stopped: Option<SinkError>) -> Result<Accepted, Undelivered> {
        let (judge, now) = (&self.sink.judge, Instant::now());
        let is_trusted = !judge.is_unwell(now);
        if self.has_contradiction() {
            judge.contradicted(now);
        }
        let is_well = !judge.is_unwell(now) && !self.refuses_too_much();
        let count = self.delivery.events.len();
        let last_reason = self.suspects.last().map(|suspect| suspect.reason.clone());
        let mut refused: Vec<(usize, String)> = Vec::new();
        for suspect in std::mem::take(&mut self.suspects) {
            let key = self.delivery.key(&self.delivery.events[suspect.place]);
            if (suspect.is_proven() && is_well) || (judge.held(&key, now) && is_trusted) {
                judge.settled(&key);
                refused.push((suspect.place, suspect.reason));
            }
        }
        let mut named = None;
        for (place, fate) in self.fates.iter().enumerate() {
            if let Fate::Named(reason) = fate {
                named = Some(reason.clone());
                if is_trusted {
                    refused.push((place, reason.clone()));
                }
            }
        }
        judge.accepted(self.accepted, now);
        if !judge.may_blame(refused.len(), now) {
            refused.clear();
        }
        refused.sort();
        if self.accepted > 0 {
            judge.took_others(self.delivery.partition);
        } else if count == 1 && self.delivery.settled == 0 && !refused.is_empty() {
            judge.blamed_single(self.delivery.partition);
        }
        let accepted = self
            .fates
            .iter()
            .zip(self.delivery.events)
            .filter(|(fate, _)| **fate == Fate::Accepted);
        if judge.holds_any() {
            accepted
                .clone()
                .for_each(|(_, event)| judge.settled(&self.delivery.key(event)));
        }
        let newest: Vec<&Event> = accepted
            .map(|(_, event)| event)
            .rev()
            .take(MOST_EXAMPLES)
            .collect();
        judge.keep_examples(newest.into_iter().rev());
        let is_open = |place: &usize| {
            self.fates[*place] != Fate::Accepted && !refused.iter().any(|(blamed, _)| blamed == place)
        };
        let remaining: Vec<usize> = (0..count).filter(is_open).collect();
        if remaining.is_empty() {
            return Ok(Accepted { refused });
        }
        let error = stopped.unwrap_or_else(|| {
            let said = last_reason.or(named).unwrap_or_default();
            SinkError::Refused {
                reason: format!(
                    "the receiver refuses {} of {count} events, and has not proved that the events are to blame: {said}",
                    remaining.len()
                ),
            }
        });
        Err(Undelivered {
            remaining,
            refused,
            error,
        })
    }
}

#[cfg(test)]
mod tests;
