//! The memory that batches take from the end of their poll until their cursor is stored, and the bounds on it.
//!
//! A batch on its way takes from its source's own allowance first, so that no source waits for the batches of others, and
//! from a pool of all sources beyond that. A batch that waits for a receiver that is unavailable gives that back and takes from a
//! pool for waiting ones; where that is used up, the batch is discarded and read again.

use std::mem::size_of;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{Attribute, Event, Measure, Rejected};
use crate::redact::Redactor;

/// What the batches of one source may take in any case, in KiB: one of the usual size or two.
const OWN_KIB: u32 = 16 << 10;
/// What the batches on their way of all sources together may take beyond that. Also the bound of a single batch.
const SHARED_KIB: u32 = 256 << 10;
/// What the batches that wait for a receiver may take, all sources together.
const WAITING_KIB: u32 = 128 << 10;
/// What an allocation takes beside what is asked for: the rounding of the allocator, its bookkeeping.
const ALLOCATION: usize = 32;

/// The pools of all sources.
#[derive(Debug, Clone)]
pub(crate) struct BatchMemory {
    shared: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// What one source may take in any case.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<Semaphore>);

/// Memory that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation(OwnedSemaphorePermit);

impl Default for BatchMemory {
    fn default() -> Self {
        Self {
            shared: Arc::new(Semaphore::new(SHARED_KIB as usize)),
            waiting: Arc::new(Semaphore::new(WAITING_KIB as usize)),
        }
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OWN_KIB as usize)))
    }
}

impl BatchMemory {
    /// Whether a batch of this size can never be held.
    pub(crate) fn is_beyond_all(kib: u32) -> bool {
        kib > SHARED_KIB
    }

    /// Waits until a source may take so many KiB; more than there are, count as all.
    pub(crate) async fn reserve(&self, own: &Allowance, kib: u32) -> Reservation {
        if let Some(reservation) = self.try_reserve(own, kib) {
            return reservation;
        }
        let (pool, most) = if kib <= OWN_KIB {
            (&own.0, OWN_KIB)
        } else {
            (&self.shared, SHARED_KIB)
        };
        loop {
            // The pools are never closed.
            if let Ok(permit) = pool.clone().acquire_many_owned(kib.min(most)).await {
                return Reservation(permit);
            }
        }
    }

    /// Changes a reservation to so many KiB; none if there are not so many at present.
    pub(crate) fn resize(&self, reservation: Reservation, own: &Allowance, kib: u32) -> Option<Reservation> {
        let Reservation(mut permit) = reservation;
        let reserved = permit.num_permits();
        if let Some(surplus) = reserved.checked_sub(kib as usize) {
            drop(permit.split(surplus));
            return Some(Reservation(permit));
        }
        drop(permit);
        self.try_reserve(own, kib)
    }

    /// Takes so many KiB for a batch that waits for its receiver; none if there are not so many at present.
    pub(crate) fn wait_with(&self, kib: u32) -> Option<Reservation> {
        self.waiting
            .clone()
            .try_acquire_many_owned(kib)
            .ok()
            .map(Reservation)
    }

    /// How many KiB waiting batches may take together.
    #[cfg(test)]
    pub(crate) fn waiting_kib() -> u32 {
        WAITING_KIB
    }

    fn try_reserve(&self, own: &Allowance, kib: u32) -> Option<Reservation> {
        let take = |pool: &Arc<Semaphore>| pool.clone().try_acquire_many_owned(kib).ok();
        take(&own.0).or_else(|| take(&self.shared)).map(Reservation)
    }
}

/// The memory that a batch takes, in KiB, rounded up: everything that is in it and kept with it, and what allocations cost
/// beside. `kept` are bytes that are kept for it elsewhere.
pub(super) fn kib(
    events: &Vec<Event>,
    rejected: &Vec<Rejected>,
    measures: &Vec<Measure>,
    kept: usize,
    redactor: &Redactor,
) -> u32 {
    let attribute =
        |attribute: &Attribute| attribute.name.capacity() + attribute.value.capacity() + 2 * ALLOCATION;
    let event = |event: &Event| {
        let attributes = event.attributes.capacity() * size_of::<Attribute>()
            + event.attributes.iter().map(attribute).sum::<usize>();
        event.id.capacity() + event.body.capacity() + attributes + 2 * ALLOCATION
    };
    let item = |item: &Rejected| {
        let id = item.id.as_ref().map_or(0, String::capacity);
        id + item.reason.capacity() + item.raw.capacity() + 3 * ALLOCATION
    };
    let measure = |measure: &Measure| measure.name.capacity() + measure.label.capacity() + 2 * ALLOCATION;
    let bytes = events.capacity() * size_of::<Event>()
        + events.iter().map(event).sum::<usize>()
        + rejected.capacity() * size_of::<Rejected>()
        + rejected.iter().map(item).sum::<usize>()
        + measures.capacity() * size_of::<Measure>()
        + measures.iter().map(measure).sum::<usize>()
        + kept
        + redactor.memory();
    u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(events: usize, id: usize, rejected: usize, raw: usize) -> (Vec<Event>, Vec<Rejected>) {
        let event = Event {
            id: "i".repeat(id),
            time: None,
            severity: 0,
            attributes: Vec::new(),
            body: "{}".to_owned(),
        };
        let item = Rejected {
            id: None,
            reason: "x".to_owned(),
            raw: vec![0; raw],
            refused: None,
        };
        (vec![event; events], vec![item; rejected])
    }

    fn kib_of((events, rejected): &(Vec<Event>, Vec<Rejected>), kept: usize, redactor: &Redactor) -> usize {
        kib(events, rejected, &Vec::new(), kept, redactor) as usize
    }

    #[test]
    fn everything_in_a_batch_counts() {
        for (name, batch, kept, least) in [
            ("small events", batch(300_000, 8, 0, 0), 0, 300_000 * 100),
            ("a large id", batch(1, 20 << 20, 0, 0), 0, 20 << 20),
            ("rejected items", batch(0, 0, 10_000, 1_000), 0, 10_000 * 1_000),
            ("empty rejected items", batch(0, 0, 100_000, 0), 0, 100_000 * 100),
            ("cursors", batch(0, 0, 0, 0), 2 << 20, 2 << 20),
        ] {
            let kib = kib_of(&batch, kept, &Redactor::default());
            assert!(kib * 1_024 >= least, "{name}: {kib} KiB");
            assert!(kib * 1_024 <= 2 * least + 4_096, "{name}: {kib} KiB");
        }
    }

    #[test]
    fn what_is_needed_to_redact_a_batch_counts() {
        let words: Vec<String> = (0..1_000).map(|number| format!("{number:064}")).collect();
        let session = words.join(" ");
        let redactor = Redactor::default().with_session(Some(session.as_bytes()));
        let with = kib_of(&batch(0, 0, 0, 0), 0, &redactor);
        assert!(with * 1_024 > session.len(), "{with} KiB");
        let again = redactor.with_session(Some(session.as_bytes()));
        assert_eq!(kib_of(&batch(0, 0, 0, 0), 0, &again), with, "it is kept once");
    }

    #[tokio::test]
    async fn a_source_has_its_own_allowance_whatever_the_others_take() {
        let (memory, greedy, modest) = (BatchMemory::default(), Allowance::default(), Allowance::default());
        let all = memory.reserve(&greedy, u32::MAX).await;
        let own = memory.reserve(&modest, OWN_KIB).await;
        assert!(memory.try_reserve(&modest, 1).is_none(), "nothing is left");
        drop(all);
        let more = memory.reserve(&modest, OWN_KIB).await;
        drop((own, more));
    }

    #[tokio::test]
    async fn a_reservation_follows_the_size_of_its_batch() {
        let (memory, own) = (BatchMemory::default(), Allowance::default());
        let reservation = memory.reserve(&own, 100).await;
        let smaller = memory.resize(reservation, &own, 10).unwrap();
        assert_eq!(own.0.available_permits(), OWN_KIB as usize - 10);
        let larger = memory.resize(smaller, &own, OWN_KIB + 1).unwrap();
        assert_eq!(
            memory.shared.available_permits(),
            (SHARED_KIB - OWN_KIB - 1) as usize
        );
        assert!(memory.resize(larger, &own, SHARED_KIB + 1).is_none());
        assert_eq!(memory.shared.available_permits(), SHARED_KIB as usize);
        let waiting = memory.wait_with(WAITING_KIB).unwrap();
        assert!(memory.wait_with(1).is_none());
        drop(waiting);
        assert!(memory.wait_with(1).is_some());
    }
}
