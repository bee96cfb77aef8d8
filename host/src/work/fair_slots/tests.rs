//! Hours of many sources in milliseconds: the bookkeeping is driven by a clock of the tests' own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::*;

const BOUNDS: Bounds = Bounds {
    fresh: 16,
    all: 64,
    memory: u64::MAX,
};
/// How long a hanging call hangs.
const HANG: Duration = Duration::from_secs(120);
/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(400);

/// A caller that calls again and again.
#[derive(Clone, Copy)]
struct Caller {
    share: u64,
    took: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A caller wants a slot.
    Asks(usize),
    /// A caller gives its slot back.
    Ends(usize, u64, u64),
    /// Time for what has aged.
    Tick,
}

/// Callers and the slots that they share.
struct Simulation {
    bounds: Bounds,
    state: State,
    callers: Vec<Caller>,
    /// Callers that wait, by share, in order.
    waiting: BTreeMap<u64, VecDeque<usize>>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    number: u64,
    now: Instant,
    /// Calls that ended, by share.
    ended: BTreeMap<u64, usize>,
}

impl Simulation {
    fn new() -> Self {
        Self::within(BOUNDS)
    }

    fn within(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::default(),
            callers: Vec::new(),
            waiting: BTreeMap::new(),
            events: BinaryHeap::new(),
            number: 0,
            now: Instant::now(),
            ended: BTreeMap::new(),
        }
    }

    /// One more source with so many callers, whose calls take so long.
    fn source(&mut self, callers: usize, took: Duration) -> u64 {
        self.source_of(callers, took, 1)
    }

    /// The same, and each call may take so many bytes.
    fn source_of(&mut self, callers: usize, took: Duration, cost: u64) -> u64 {
        let share = self.state.new_share(cost);
        for _ in 0..callers {
            self.callers.push(Caller { share, took });
            self.at(self.now, Event::Asks(self.callers.len() - 1));
        }
        share
    }

    fn at(&mut self, time: Instant, event: Event) {
        self.number += 1;
        self.events.push(Reverse((time, self.number, event)));
    }

    /// Lets time pass; returns how many calls of `share` ended in it.
    fn pass(&mut self, time: Duration, share: u64) -> usize {
        let before = self.ended.get(&share).copied().unwrap_or(0);
        let end = self.now + time;
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now > end {
                self.at(now, event);
                break;
            }
            self.now = now;
            match event {
                Event::Asks(caller) => {
                    let share = self.callers[caller].share;
                    self.waiting.entry(share).or_default().push_back(caller);
                    let (grant, _) = oneshot::channel();
                    let since = now;
                    self.state.enqueue(share, since, grant);
                }
                Event::Ends(caller, id, cost) => {
                    let Caller { share, took } = self.callers[caller];
                    self.state.take_back(share, Taken { id, cost });
                    self.state.note(share, took < HANG);
                    *self.ended.entry(share).or_default() += 1;
                    self.at(now + PAUSE, Event::Asks(caller));
                }
                Event::Tick => {}
            }
            while let Some((share, _, taken)) = self.state.next(self.bounds, now) {
                let caller = self.waiting.get_mut(&share).and_then(VecDeque::pop_front);
                let caller = caller.expect("only who waits gets a slot");
                self.at(
                    now + self.callers[caller].took,
                    Event::Ends(caller, taken.id, taken.cost),
                );
                self.at(now + FRESH, Event::Tick);
            }
            let (state, bounds) = (&self.state, self.bounds);
            assert!(state.held <= bounds.all && state.fresh.len() <= bounds.fresh);
            assert!(state.memory <= bounds.memory, "{} bytes", state.memory);
            let standings = || state.shares.values();
            let waiting: usize = standings().map(|standing| standing.waiting.len()).sum();
            let holders = standings().filter(|standing| standing.held > 0).count();
            assert_eq!((state.waiting, state.holders), (waiting, holders));
        }
        self.now = end;
        self.ended.get(&share).copied().unwrap_or(0) - before
    }
}

#[test]
fn many_sources_that_hang_cost_an_honest_one_nothing() {
    for (sources, callers) in [(5, 8), (20, 8), (140, 1), (40, 8)] {
        let mut simulation = Simulation::new();
        let honest = simulation.source(1, Duration::from_millis(100));
        let alone = simulation.pass(HANG * 4, honest);
        let hanging: Vec<_> = (0..sources).map(|_| simulation.source(callers, HANG)).collect();
        let beside = simulation.pass(HANG * 4, honest);
        assert!(
            beside * 10 >= alone * 9,
            "{sources} sources with {callers} calls: {beside} of {alone}"
        );
        simulation.pass(HANG * 10, honest);
        assert!(
            hanging.iter().all(|share| simulation.ended.contains_key(share)),
            "they are asked again all the same"
        );
    }
}

/// Room for ten calls of a hundred bytes.
const LITTLE_MEMORY: Bounds = Bounds {
    memory: 1_000,
    ..BOUNDS
};

#[test]
fn calls_never_take_more_memory_together_than_the_bound_and_those_that_hang_cost_others_nothing() {
    for (sources, cost) in [(5, 100), (40, 100), (20, 350), (3, 700)] {
        let mut simulation = Simulation::within(LITTLE_MEMORY);
        let honest = simulation.source_of(1, Duration::from_millis(100), 100);
        let alone = simulation.pass(HANG * 4, honest);
        let hanging: Vec<_> = (0..sources)
            .map(|_| simulation.source_of(8, HANG, cost))
            .collect();
        let beside = simulation.pass(HANG * 4, honest);
        assert!(
            beside * 10 >= alone * 9,
            "{sources} of {cost}: {beside} of {alone}"
        );
        simulation.pass(HANG * 40, honest);
        let never = hanging
            .iter()
            .filter(|share| !simulation.ended.contains_key(share));
        assert_eq!(never.count(), 0, "{sources} of {cost}");
    }
}

#[test]
fn who_needs_much_memory_has_turns_beside_many_who_need_little() {
    for needed in [500, 900, 1_000] {
        let mut simulation = Simulation::within(LITTLE_MEMORY);
        for _ in 0..20 {
            simulation.source_of(2, Duration::from_millis(900), 100);
        }
        let large = simulation.source_of(1, Duration::from_millis(100), needed);
        let calls = simulation.pass(Duration::from_secs(600), large);
        // One every four seconds or so: it waits for one, and those there are end within another.
        assert!(calls >= 120, "{needed}: {calls}");
    }
}

#[test]
fn slow_sources_share_what_is_scarce_equally() {
    let mut simulation = Simulation::new();
    let shares: Vec<_> = (0..40)
        .map(|_| simulation.source(8, Duration::from_secs(4)))
        .collect();
    simulation.pass(Duration::from_secs(600), shares[0]);
    let most = shares.iter().map(|share| simulation.ended[share]).max();
    let least = shares.iter().map(|share| simulation.ended[share]).min();
    assert!(most <= least.map(|least| least * 2), "{least:?} to {most:?}");
}

#[test]
fn a_source_that_hangs_gets_fewer_slots_until_it_answers() {
    let mut state = State::default();
    let share = state.new_share(1);
    let mut most = |answers: &[bool]| {
        answers.iter().for_each(|answered| state.note(share, *answered));
        for _ in 0..MOST * 2 {
            let (grant, _) = oneshot::channel();
            let since = Instant::now();
            state.enqueue(share, since, grant);
        }
        let held: Vec<_> = std::iter::from_fn(|| state.next(BOUNDS, Instant::now())).collect();
        held.iter()
            .for_each(|(_, _, taken)| state.take_back(share, *taken));
        state.change(share, |standing| standing.waiting.clear());
        held.len()
    };
    assert_eq!(most(&[]), MOST);
    assert_eq!(most(&[false]), MOST / 2);
    assert_eq!(most(&[false, false]), LEAST);
    assert_eq!(most(&[true; MOST]), MOST);
}

#[tokio::test]
async fn who_stops_waiting_takes_no_slot_along() {
    let slots = FairSlots::new(Bounds {
        fresh: 1,
        all: 1,
        memory: 1,
    });
    let share = slots.share(1);
    share.note(true);
    for _ in 0..10 {
        let held = share.slot().await;
        let waiting = tokio::time::timeout(Duration::from_millis(1), share.slot());
        assert!(waiting.await.is_err());
        drop(held);
    }
    assert_eq!(slots.0.state().held, 0);
    drop(share.slot().await);
}
