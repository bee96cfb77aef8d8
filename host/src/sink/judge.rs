//! Who is at fault when a receiver refuses an event: the event, or the receiver.
//!
//! A receiver that is full, misconfigured or half broken may answer "bad request" to every event, or now to this one and
//! now to that. Taking its word would move good events to the dead-letter file. So an event is blamed only while the
//! receiver proves that it is well: see `dispatch` for the proof within one delivery. What is known across deliveries is
//! kept here, one judge for each sink.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Event;

/// How long nothing is blamed on events after the receiver contradicted itself.
const UNWELL: Duration = Duration::from_secs(10 * 60);
/// The time over which accepted and blamed events are compared.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// So many events may be blamed within that time whatever else is accepted.
const FREE_BLAMES: u64 = 10;
/// And one more for so many that are accepted: a receiver that refuses a third of everything needs a person.
const ACCEPTED_PER_BLAME: u64 = 2;
/// An event that was refused alone for so long, while the receiver took others, is blamed without further proof.
const LONGEST_HOLD: Duration = Duration::from_secs(60 * 60);
/// So often the receiver must have taken others in between.
const HOLD_ROUNDS: u32 = 5;
/// Events that are waited for at once; batches are far smaller as a rule.
const MOST_HELD: usize = 10_000;
/// Batches of a single event in a row that may be blamed on their events.
const MOST_SINGLES: u32 = 3;
/// Bytes of accepted events that are kept as examples, to see whether the receiver still takes those.
const EXAMPLES: usize = 32 << 10;

#[derive(Default)]
pub(super) struct Judge(Mutex<Record>);

#[derive(Default)]
struct Record {
    unwell_until: Option<Instant>,
    accepted: Counter,
    blamed: Counter,
    /// Events accepted since the start.
    total: u64,
    /// Accepted events, the newest last.
    examples: VecDeque<Event>,
    /// Events that were refused and are held, by key.
    held: HashMap<String, Held>,
    /// Batches of one event in a row that were blamed on it, by partition.
    singles: HashMap<String, u32>,
}

/// An event that waits.
struct Held {
    since: Instant,
    /// Events that had been accepted by the last time it was refused.
    total: u64,
    /// Refusals with others accepted in between.
    rounds: u32,
}

/// Counts of the last hour, by minute.
#[derive(Default)]
struct Counter(VecDeque<(Instant, u64)>);

impl Judge {
    /// Notes accepted events.
    pub(super) fn accepted(&self, count: usize, now: Instant) {
        let mut record = self.record();
        record.accepted.add(count as u64, now);
        record.total += count as u64;
    }

    /// Keeps accepted events as examples.
    pub(super) fn keep_examples<'a>(&self, events: impl IntoIterator<Item = &'a Event>) {
        let examples = &mut self.record().examples;
        examples.extend(
            events
                .into_iter()
                .filter(|event| event.body.len() <= EXAMPLES)
                .cloned(),
        );
        let mut size = 0;
        let kept = examples.iter().rev().take_while(|event| {
            size += event.body.len();
            size <= EXAMPLES
        });
        let surplus = examples.len() - kept.count();
        examples.drain(..surplus);
    }

    /// Accepted events that come to `size` bytes, or all there are.
    pub(super) fn examples(&self, size: usize) -> Vec<Event> {
        let mut sum = 0;
        let wanted = |event: &&Event| {
            let more = sum < size;
            sum += event.body.len();
            more
        };
        self.record()
            .examples
            .iter()
            .rev()
            .take_while(wanted)
            .cloned()
            .collect()
    }

    /// Notes that the receiver contradicted itself: it refused what it takes.
    pub(super) fn contradicted(&self, now: Instant) {
        self.record().unwell_until = Some(now + UNWELL);
    }

    /// Whether nothing may be blamed on events at present.
    pub(super) fn is_unwell(&self, now: Instant) -> bool {
        self.record().unwell_until.is_some_and(|until| now < until)
    }

    /// Whether so many more events may be blamed within the window; if so they are counted.
    pub(super) fn may_blame(&self, count: usize, now: Instant) -> bool {
        let mut record = self.record();
        let allowed = FREE_BLAMES + record.accepted.sum(now) / ACCEPTED_PER_BLAME;
        let fits = record.blamed.sum(now) + count as u64 <= allowed;
        if fits {
            record.blamed.add(count as u64, now);
        }
        fits
    }

    /// Notes that an event was refused without proof. Returns whether it has been held for so long, and the receiver has
    /// taken so many others meanwhile, that it is to blame.
    pub(super) fn held(&self, key: &str, now: Instant) -> bool {
        let mut record = self.record();
        let total = record.total;
        if !record.held.contains_key(key) && record.held.len() >= MOST_HELD {
            return false;
        }
        let held = record.held.entry(key.to_owned()).or_insert_with(|| Held {
            since: now,
            total,
            rounds: 0,
        });
        if held.total < total {
            held.rounds += 1;
            held.total = total;
        }
        held.rounds >= HOLD_ROUNDS && now.duration_since(held.since) >= LONGEST_HOLD
    }

    /// Forgets an event that is settled.
    pub(super) fn settled(&self, key: &str) {
        self.record().held.remove(key);
    }

    /// Whether the event of a batch of one may be to blame. A partition of which one batch after the other is refused is
    /// refused as such.
    pub(super) fn may_be_single(&self, partition: &str) -> bool {
        self.record()
            .singles
            .get(partition)
            .is_none_or(|count| *count < MOST_SINGLES)
    }

    /// Notes that the event of a batch of one was blamed.
    pub(super) fn blamed_single(&self, partition: &str) {
        *self.record().singles.entry(partition.to_owned()).or_default() += 1;
    }

    /// Notes that events of a partition were accepted.
    pub(super) fn took_others(&self, partition: &str) {
        self.record().singles.remove(partition);
    }

    /// Whether any event is held, so that keys need not be computed where none is.
    pub(super) fn holds_any(&self) -> bool {
        !self.record().held.is_empty()
    }

    /// Each change is complete in itself, so the record stays usable after a panic elsewhere.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    fn add(&mut self, count: u64, now: Instant) {
        match self.0.back_mut() {
            Some((minute, sum)) if now.duration_since(*minute) < Duration::from_secs(60) => *sum += count,
            _ => self.0.push_back((now, count)),
        }
    }

    fn sum(&mut self, now: Instant) -> u64 {
        while self
            .0
            .front()
            .is_some_and(|(minute, _)| now.duration_since(*minute) > WINDOW)
        {
            self.0.pop_front();
        }
        self.0.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_blamed_in_proportion_to_those_accepted_within_an_hour() {
        let (judge, now) = (Judge::default(), Instant::now());
        assert!(judge.may_blame(10, now) && !judge.may_blame(1, now));
        judge.accepted(6, now);
        assert!(judge.may_blame(3, now) && !judge.may_blame(1, now));
        let later = now + WINDOW + Duration::from_secs(1);
        assert!(judge.may_blame(10, later) && !judge.may_blame(1, later));
    }

    #[test]
    fn a_contradiction_protects_events_for_a_while() {
        let (judge, now) = (Judge::default(), Instant::now());
        assert!(!judge.is_unwell(now));
        judge.contradicted(now);
        assert!(judge.is_unwell(now + UNWELL - Duration::from_secs(1)));
        assert!(!judge.is_unwell(now + UNWELL));
    }

    #[test]
    fn a_lonely_event_is_blamed_after_an_hour_with_others_accepted_and_never_without() {
        let (judge, start) = (Judge::default(), Instant::now());
        let minute = |number: u64| start + Duration::from_secs(60 * number);
        for number in 0..70 {
            judge.accepted(1, minute(number));
            assert_eq!(
                judge.held("with company", minute(number)),
                number >= 60,
                "{number}"
            );
        }
        for number in 70..300 {
            assert!(!judge.held("alone", minute(number)), "{number}");
        }
    }

    #[test]
    fn one_batch_of_one_event_after_the_other_is_not_blamed_on_the_events() {
        let judge = Judge::default();
        for _ in 0..MOST_SINGLES {
            assert!(judge.may_be_single("p"));
            judge.blamed_single("p");
        }
        assert!(!judge.may_be_single("p") && judge.may_be_single("another"));
        judge.took_others("p");
        assert!(judge.may_be_single("p"));
    }

    #[test]
    fn examples_are_the_newest_and_bounded() {
        let event = |size: usize| Event {
            id: size.to_string(),
            time: None,
            severity: 0,
            attributes: Vec::new(),
            body: "x".repeat(size),
        };
        let judge = Judge::default();
        judge.keep_examples(&[
            event(EXAMPLES + 1),
            event(20 << 10),
            event(1 << 10),
            event(20 << 10),
        ]);
        let sizes = |wanted| {
            judge
                .examples(wanted)
                .iter()
                .map(|event| event.body.len() >> 10)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(1), [20]);
        assert_eq!(sizes(1 << 20), [20, 1]);
    }
}
