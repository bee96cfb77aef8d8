//! Slots for calls into plugins, shared fairly between sources.
//!
//! A call mostly waits for its upstream, and a waiting call holds nothing but memory. So there are two bounds: few calls
//! are fresh at once, and after [`FRESH`] a call no longer counts among those; many may wait. What is scarce goes to those
//! who have least of it. A source whose calls hang gets fewer slots, and some slots are kept for sources that answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

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
    /// All calls: each may hold a source's `limits.memory`.
    pub(crate) all: usize,
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
pub(crate) struct Slot {
    shared: Arc<Shared>,
    share: u64,
    id: u64,
}

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shares: HashMap<u64, Standing>,
    held: usize,
    /// The calls that are fresh, the oldest first.
    fresh: VecDeque<(u64, Instant)>,
    queue: VecDeque<Waiter>,
    next_id: u64,
}

/// How a source stands.
#[derive(Debug)]
struct Standing {
    held: usize,
    /// How many it may hold, from [`LEAST`] to [`MOST`].
    allowance: usize,
    /// Whether its last call came back in time.
    answers: bool,
}

#[derive(Debug)]
struct Waiter {
    share: u64,
    grant: oneshot::Sender<Slot>,
}

impl FairSlots {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            state: Mutex::default(),
        }))
    }

    /// A share for one more source.
    pub(crate) fn share(&self) -> Share {
        Share {
            shared: self.0.clone(),
            id: self.0.state().new_share(),
        }
    }
}

impl Share {
    /// Waits for a slot.
    pub(crate) async fn slot(&self) -> Slot {
        let (grant, mut granted) = oneshot::channel();
        let waiter = Waiter {
            share: self.id,
            grant,
        };
        self.shared.state().queue.push_back(waiter);
        loop {
            self.shared.hand_out();
            // A fresh call that ages makes room without saying so.
            let aged = self
                .shared
                .state()
                .fresh
                .front()
                .map(|(_, started)| *started + FRESH);
            let aged = aged.unwrap_or_else(|| Instant::now() + FRESH);
            tokio::select! {
                // Whoever waits is in the queue, so its sender is there.
                Ok(slot) = &mut granted => return slot,
                () = tokio::time::sleep_until(aged) => {}
            }
        }
    }

    /// Notes how a call ended: whether it came back in time, or hung.
    pub(crate) fn note(&self, answered: bool) {
        self.shared.state().note(self.id, answered);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shared.state().shares.remove(&self.id);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.state().take_back(self.share, self.id);
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
        let mut state = self.state();
        state.queue.retain(|waiter| !waiter.grant.is_closed());
        let (Waiter { share, grant }, id) = state.next(self.bounds, Instant::now())?;
        let slot = Slot {
            shared: self.clone(),
            share,
            id,
        };
        Some((grant, slot))
    }

    /// Each change is complete in itself.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new_share(&mut self) -> u64 {
        let id = self.new_id();
        let standing = Standing {
            held: 0,
            allowance: MOST,
            answers: false,
        };
        self.shares.insert(id, standing);
        id
    }

    /// Takes the next waiter out of the queue that may have a slot, and gives it one.
    fn next(&mut self, bounds: Bounds, now: Instant) -> Option<(Waiter, u64)> {
        while self
            .fresh
            .front()
            .is_some_and(|(_, started)| *started + FRESH <= now)
        {
            self.fresh.pop_front();
        }
        if self.held >= bounds.all || self.fresh.len() >= bounds.fresh {
            return None;
        }
        let part = self.part(bounds);
        // Whoever has least comes first; among equals, whoever waits longest.
        let candidates = self.queue.iter().enumerate().filter_map(|(index, waiter)| {
            let standing = self.shares.get(&waiter.share)?;
            self.may_have(standing, part, bounds)
                .then_some((index, standing.held))
        });
        let (index, _) = candidates.min_by_key(|(_, held)| *held)?;
        let waiter = self.queue.remove(index)?;
        let id = self.new_id();
        self.held += 1;
        self.fresh.push_back((id, now));
        if let Some(standing) = self.shares.get_mut(&waiter.share) {
            standing.held += 1;
        }
        Some((waiter, id))
    }

    fn take_back(&mut self, share: u64, id: u64) {
        self.held -= 1;
        self.fresh.retain(|(fresh, _)| *fresh != id);
        if let Some(standing) = self.shares.get_mut(&share) {
            standing.held -= 1;
        }
    }

    fn note(&mut self, share: u64, answered: bool) {
        if let Some(standing) = self.shares.get_mut(&share) {
            standing.answers = answered;
            standing.allowance = if answered {
                (standing.allowance + 1).min(MOST)
            } else {
                (standing.allowance / 2).max(LEAST)
            };
        }
    }

    /// How many slots a source may hold at present, by itself. While half is free, nobody takes anything from anybody; then
    /// each has an equal part.
    fn part(&self, bounds: Bounds) -> usize {
        let half = bounds.all / 2;
        if self.held < half {
            return MOST;
        }
        let holders = self.shares.values().filter(|standing| standing.held > 0).count();
        (half / holders.max(1)).max(1)
    }

    /// Whether a source may have one more slot now.
    fn may_have(&self, standing: &Standing, part: usize, bounds: Bounds) -> bool {
        // A quarter of each is for sources that answer.
        let (all, fresh) = if standing.answers {
            (bounds.all, bounds.fresh)
        } else {
            (bounds.all - bounds.all / 4, bounds.fresh - bounds.fresh / 4)
        };
        self.held < all && self.fresh.len() < fresh && standing.held < standing.allowance.min(part)
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

#[cfg(test)]
mod tests;
