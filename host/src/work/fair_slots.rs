//! Slots for calls into plugins, shared fairly between sources.
//!
//! A call mostly waits for its upstream, and a waiting call holds nothing but memory. So few calls are fresh at once, after
//! [`FRESH`] a call no longer counts among those, and many may wait: as many as the memory is enough for if each takes all
//! that it may. What is scarce goes to those who have least of it. A source whose calls hang gets fewer slots, and a quarter
//! of everything is kept for sources that answer.
//!
//! A call that needs much memory must not wait for ever behind many small ones. So while one has waited for longer than
//! [`FRESH`] and would fit beside the calls that wait for their upstreams, nobody else gets a slot: the fresh ones are over or
//! no longer fresh in a moment.

mod waiting_list;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::waiting_list::{Kind, Turn, WaitingList};

/// How long a call is fresh. One that takes longer waits for somebody.
const FRESH: Duration = Duration::from_secs(1);
/// Slots of a source at once, and of one whose calls hang: never none, or it would not be noticed that they work again.
const MOST: usize = 8;
const LEAST: usize = 2;

/// How many calls there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Fresh calls: they use the processor.
    pub(crate) fresh: usize,
    /// All calls.
    pub(crate) all: usize,
    /// Bytes that all calls may take together.
    pub(crate) memory: u64,
}

/// What calls take at present, for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Bytes that the calls at present may take at most.
    pub reserved: u64,
    /// Bytes that all calls may take together.
    pub bound: u64,
    /// Calls that wait for a slot.
    pub waiting: usize,
}

/// All slots of a process. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct FairSlots(Arc<Shared>);

/// A source's share of the slots.
#[derive(Debug)]
pub(crate) struct Share {
    shared: Arc<Shared>,
    id: u64,
}

/// The right to one call, while it is held.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    share: u64,
    taken: Taken,
}

/// What a slot takes of what there is.
#[derive(Debug, Clone, Copy)]
struct Taken {
    id: u64,
    /// Bytes that its call may take.
    cost: u64,
}

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
    /// Held by the one of those who wait that looks at the clock for all of them.
    clock: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    shares: HashMap<u64, Standing>,
    held: usize,
    /// Bytes that the calls that hold a slot may take.
    memory: u64,
    /// The calls that are fresh, the oldest first.
    fresh: VecDeque<Fresh>,
    list: WaitingList,
    /// Calls that wait.
    waiting: usize,
    /// Sources that hold a slot.
    holders: usize,
    next_id: u64,
}

/// A call that has just begun.
#[derive(Debug)]
struct Fresh {
    taken: Taken,
    started: Instant,
}

/// How much a source may hold at present.
#[derive(Debug, Clone, Copy)]
struct Part {
    slots: usize,
    memory: u64,
}

/// How a source stands.
#[derive(Debug)]
struct Standing {
    kind: Kind,
    /// The number of its last slot.
    last: u64,
    held: usize,
    /// How many it may hold, from [`LEAST`] to [`MOST`].
    allowance: usize,
    /// Its calls that wait, the oldest first.
    waiting: VecDeque<Waiter>,
}

impl Standing {
    fn turn(&self, share: u64) -> Turn {
        Turn {
            held: self.held,
            last: self.last,
            share,
        }
    }

    /// Whether it may have one more slot by itself.
    fn may_have(&self, part: Part) -> bool {
        let then = (self.held as u64 + 1).saturating_mul(self.kind.cost);
        self.held < self.allowance.min(part.slots) && (self.held == 0 || then <= part.memory)
    }
}

impl Kind {
    /// Whether the memory is enough for one more call of the kind beside others that take so many bytes.
    fn fits_beside(self, others: u64, bounds: Bounds) -> bool {
        let kept = if self.answers { 0 } else { bounds.memory / 4 };
        // A call that takes more than three quarters begins when there is no other.
        others == 0 || others.saturating_add(self.cost) <= bounds.memory - kept
    }
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    since: Instant,
    grant: oneshot::Sender<Slot>,
}

/// A place in the queue, which is left when it is dropped.
struct Place<'a> {
    shared: &'a Shared,
    share: u64,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.state().withdraw(self.share, self.id);
    }
}

impl FairSlots {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            state: Mutex::default(),
            clock: tokio::sync::Mutex::default(),
        }))
    }

    /// A share for one more source, of whose calls each may take so many bytes.
    pub(crate) fn share(&self, cost: u64) -> Share {
        Share {
            shared: self.0.clone(),
            id: self.0.state().new_share(cost.min(self.0.bounds.memory)),
        }
    }

    /// What is taken at present.
    pub(crate) fn used(&self) -> SlotUse {
        let state = self.0.state();
        SlotUse {
            reserved: state.memory,
            bound: self.0.bounds.memory,
            waiting: state.waiting,
        }
    }
}

impl Share {
    /// Waits for a slot.
    pub(crate) async fn slot(&self) -> Slot {
        let (grant, granted) = oneshot::channel();
        let _place = Place {
            shared: &self.shared,
            share: self.id,
            id: self.shared.state().enqueue(self.id, Instant::now(), grant),
        };
        self.shared.hand_out();
        tokio::select! {
            biased;
            // Whoever waits is in the queue, so its sender is there.
            Ok(slot) = granted => slot,
            never = self.shared.watch_the_clock() => match never {},
        }
    }

    /// Notes how a call ended: whether it came back in time, or hung.
    pub(crate) fn note(&self, answered: bool) {
        self.shared.state().note(self.id, answered);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shared.state().remove_share(self.id);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.state().take_back(self.share, self.taken);
        self.shared.hand_out();
    }
}

impl Shared {
    /// Gives out what is free.
    fn hand_out(self: &Arc<Self>) {
        // A grant that nobody waits for any more is dropped and comes back here, so not under the lock.
        while let Some((grant, slot)) = self.next_grant() {
            let _ = grant.send(slot);
        }
    }

    fn next_grant(self: &Arc<Self>) -> Option<(oneshot::Sender<Slot>, Slot)> {
        let (share, grant, taken) = self.state().next(self.bounds, Instant::now())?;
        let slot = Slot {
            shared: self.clone(),
            share,
            taken,
        };
        Some((grant, slot))
    }

    /// Hands out what becomes free because a fresh call has aged, which nobody says. One of those who wait does it for all.
    async fn watch_the_clock(self: &Arc<Self>) -> Infallible {
        let _clock = self.clock.lock().await;
        loop {
            let oldest = self.state().fresh.front().map(|fresh| fresh.started);
            tokio::time::sleep_until(oldest.unwrap_or_else(Instant::now) + FRESH).await;
            self.hand_out();
        }
    }

    /// Each change is complete in itself.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new_share(&mut self, cost: u64) -> u64 {
        let id = self.new_id();
        let standing = Standing {
            kind: Kind { cost, answers: false },
            last: 0,
            held: 0,
            allowance: MOST,
            waiting: VecDeque::new(),
        };
        self.shares.insert(id, standing);
        id
    }

    fn remove_share(&mut self, share: u64) {
        self.change(share, |standing| {
            standing.held = 0;
            standing.waiting.clear();
        });
        self.shares.remove(&share);
    }

    /// Puts a call at the end of its source's queue. Returns the number of its place.
    fn enqueue(&mut self, share: u64, since: Instant, grant: oneshot::Sender<Slot>) -> u64 {
        let id = self.new_id();
        self.change(share, |standing| {
            standing.waiting.push_back(Waiter { id, since, grant });
        });
        id
    }

    /// A call that does not wait any more.
    fn withdraw(&mut self, share: u64, id: u64) {
        self.change(share, |standing| {
            standing.waiting.retain(|waiter| waiter.id != id)
        });
    }

    /// Changes how a source stands, and keeps in order what depends on it.
    fn change<T>(&mut self, share: u64, change: impl FnOnce(&mut Standing) -> T) -> Option<T> {
        let standing = self.shares.get_mut(&share)?;
        let (waited, held) = (standing.waiting.len(), standing.held);
        if waited > 0 {
            self.list.leave(standing.kind, standing.turn(share));
        }
        let changed = change(standing);
        if !standing.waiting.is_empty() {
            self.list.enter(standing.kind, standing.turn(share));
        }
        self.waiting = self.waiting - waited + standing.waiting.len();
        self.holders = self.holders - usize::from(held > 0) + usize::from(standing.held > 0);
        Some(changed)
    }

    /// Takes the next waiter out of the queue that may have a slot, and gives it one: its source, whom to tell, what is taken.
    fn next(&mut self, bounds: Bounds, now: Instant) -> Option<(u64, oneshot::Sender<Slot>, Taken)> {
        while self
            .fresh
            .front()
            .is_some_and(|fresh| fresh.started + FRESH <= now)
        {
            self.fresh.pop_front();
        }
        if self.held >= bounds.all || self.fresh.len() >= bounds.fresh {
            return None;
        }
        let part = self.part(bounds);
        if self.must_keep_free(part, bounds, now) {
            return None;
        }
        let kinds = self.list.kinds();
        let fitting = kinds
            .filter(|(kind, _)| self.has_room_for(*kind, bounds) && kind.fits_beside(self.memory, bounds));
        let first = fitting.filter_map(|(_, mut turns)| turns.find(|turn| self.may_have(*turn, part)));
        let share = first.min()?.share;
        let id = self.new_id();
        let (waiter, cost) = self.change(share, |standing| {
            standing.held += 1;
            standing.last = id;
            (standing.waiting.pop_front(), standing.kind.cost)
        })?;
        let taken = Taken { id, cost };
        self.held += 1;
        self.memory += taken.cost;
        self.fresh.push_back(Fresh { taken, started: now });
        // Whose turn it is waits.
        Some((share, waiter?.grant, taken))
    }

    /// Whether what is free must be left to somebody who has waited for long, and who fits as soon as the fresh calls end.
    fn must_keep_free(&self, part: Part, bounds: Bounds, now: Instant) -> bool {
        let fresh: u64 = self.fresh.iter().map(|fresh| fresh.taken.cost).sum();
        let has_waited = |turn: Turn| {
            let standing = self.shares.get(&turn.share);
            let oldest = standing.and_then(|standing| standing.waiting.front());
            oldest.is_some_and(|waiter| waiter.since + FRESH <= now)
        };
        let mut waiting_for_memory = self.list.kinds().filter(|(kind, _)| {
            self.has_room_for(*kind, bounds)
                && !kind.fits_beside(self.memory, bounds)
                && kind.fits_beside(self.memory - fresh, bounds)
        });
        waiting_for_memory
            .any(|(_, mut turns)| turns.any(|turn| has_waited(turn) && self.may_have(turn, part)))
    }

    fn take_back(&mut self, share: u64, taken: Taken) {
        self.held -= 1;
        self.memory -= taken.cost;
        self.fresh.retain(|fresh| fresh.taken.id != taken.id);
        self.change(share, |standing| standing.held -= 1);
    }

    fn note(&mut self, share: u64, answered: bool) {
        self.change(share, |standing| {
            standing.kind.answers = answered;
            standing.allowance = if answered {
                (standing.allowance + 1).min(MOST)
            } else {
                (standing.allowance / 2).max(LEAST)
            };
        });
    }

    /// How much a source may hold at present, by itself. While half is free, nobody takes anything from anybody; then each
    /// has an equal part.
    fn part(&self, bounds: Bounds) -> Part {
        let holders = self.holders.max(1);
        let half = bounds.all / 2;
        Part {
            slots: match self.held < half {
                true => MOST,
                false => (half / holders).max(1),
            },
            memory: match self.memory < bounds.memory / 2 {
                true => bounds.memory,
                false => bounds.memory / 2 / holders as u64,
            },
        }
    }

    /// Whether there may be one more call of the kind now, if the memory is enough.
    fn has_room_for(&self, kind: Kind, bounds: Bounds) -> bool {
        // A quarter of each is for sources that answer.
        let (all, fresh) = match kind.answers {
            true => (bounds.all, bounds.fresh),
            false => (bounds.all - bounds.all / 4, bounds.fresh - bounds.fresh / 4),
        };
        self.held < all && self.fresh.len() < fresh
    }

    fn may_have(&self, turn: Turn, part: Part) -> bool {
        let standing = self.shares.get(&turn.share);
        standing.is_some_and(|standing| standing.may_have(part))
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

#[cfg(test)]
mod tests;
