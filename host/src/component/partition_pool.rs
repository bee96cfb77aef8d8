//! How many partitions all sources have together. Each source may have some whatever the others do; what goes beyond that
//! comes out of one pool, so that the memory for partitions has a bound however many sources there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::{Failure, Fault};

/// Partitions that a source has in any case.
const OWN: usize = 100;
/// Partitions beyond that, of all sources together. At 10 KiB each this is 200 MB.
const SHARED: usize = 20_000;

static PROCESS: Pool = Pool::new(SHARED);

/// What is left for all sources together.
#[derive(Debug)]
struct Pool {
    most: usize,
    taken: AtomicUsize,
}

/// The partitions of one source. Gives back what it took when it is dropped.
#[derive(Debug)]
pub(crate) struct PartitionShare {
    pool: &'static Pool,
    taken: Mutex<usize>,
}

impl Default for PartitionShare {
    fn default() -> Self {
        Self::of(&PROCESS)
    }
}

impl Pool {
    const fn new(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
        }
    }
}

impl PartitionShare {
    fn of(pool: &'static Pool) -> Self {
        Self {
            pool,
            taken: Mutex::default(),
        }
    }

    /// Takes what so many partitions need, or gives back what they do not need any more. Fails, and changes nothing, where
    /// the pool is not enough.
    pub(crate) fn resize(&self, partitions: usize) -> Result<(), Failure> {
        let wanted = partitions.saturating_sub(OWN);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (pool, before) = (self.pool, *taken);
        let resized = pool
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |all| {
                let all = all - before + wanted;
                (wanted <= before || all <= pool.most).then_some(all)
            });
        if let Err(all) = resized {
            let message = format!(
                "the plugin found {partitions} partitions, and all sources together have {} of at most {} beyond {OWN} each",
                all, pool.most
            );
            return Err(Failure::host(Fault::Denied, "partitions", message).with_hint(
                "read fewer partitions with this source or with others, or spread the sources over several hosts",
            ));
        }
        *taken = wanted;
        Ok(())
    }
}

impl Drop for PartitionShare {
    fn drop(&mut self) {
        let taken = *self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.pool.taken.fetch_sub(taken, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_all_sources_are_bounded_and_each_source_has_some_whatever_others_take() {
        static POOL: Pool = Pool::new(1_000);
        let (greedy, modest) = (PartitionShare::of(&POOL), PartitionShare::of(&POOL));
        assert!(greedy.resize(OWN + 1_000).is_ok());
        assert!(modest.resize(OWN).is_ok());
        let failure = modest.resize(OWN + 1).unwrap_err();
        assert_eq!(failure.code, "host.partitions");
        assert!(failure.message.contains("1000 of at most 1000"), "{failure}");
        assert!(greedy.resize(OWN + 990).is_ok());
        assert!(modest.resize(OWN + 10).is_ok());
        drop(greedy);
        assert!(modest.resize(OWN + 1_000).is_ok());
    }
}
