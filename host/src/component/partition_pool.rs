//! How many partitions all sources have together. Each source may have some whatever the others do; what goes beyond that
//! comes out of one pool, so that the memory for partitions has a bound however many sources there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::{Failure, Fault, PartitionInfo};

/// Partitions that a source has in any case.
const OWN: usize = 100;
/// Partitions beyond that, of all sources together.
const SHARED: usize = 20_000;
/// Memory of a partition, with the largest cursor that is kept there.
const PARTITION_BYTES: usize = 26 << 10;
/// Bytes of texts that a partition has in it: names, a title, a few attributes.
const TEXT_BYTES: usize = 4 << 10;

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

    /// Takes what these partitions need, or gives back what they do not need any more. Fails, and changes nothing, where
    /// the pool is not enough.
    pub(crate) fn resize(&self, partitions: &[PartitionInfo]) -> Result<(), Failure> {
        self.take(partitions.iter().map(places).sum(), partitions.len())
    }

    fn take(&self, places: usize, partitions: usize) -> Result<(), Failure> {
        let wanted = places.saturating_sub(OWN);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (pool, before) = (self.pool, *taken);
        let resized = pool
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |all| {
                let all = all - before + wanted;
                (wanted <= before || all <= pool.most).then_some(all)
            });
        if let Err(all) = resized {
            let heavy = if places > partitions {
                format!(", which take the memory of {places}")
            } else {
                String::new()
            };
            let message = format!(
                "the plugin found {partitions} partitions{heavy}, and all sources together have {all} of at most {} beyond {OWN} \
                 each",
                pool.most
            );
            return Err(Failure::host(Fault::Denied, "partitions", message).with_hint(
                "read fewer partitions with this source or with others, or spread the sources over several hosts",
            ));
        }
        *taken = wanted;
        Ok(())
    }
}

/// As how many partitions one counts: as several where its attributes and other texts are long.
fn places(info: &PartitionInfo) -> usize {
    let attributes = info.attributes.iter();
    let attributes = attributes.map(|attribute| attribute.name.len() + attribute.value.len());
    let former = info.formerly.iter().map(String::len);
    let others = info.id.len() + info.title.len() + info.unavailable.as_ref().map_or(0, String::len);
    let texts = attributes.chain(former).sum::<usize>() + others;
    1 + texts.saturating_sub(TEXT_BYTES).div_ceil(PARTITION_BYTES)
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
    use crate::model::Attribute;

    /// So many partitions with so many bytes of attributes each.
    fn partitions(count: usize, bytes: usize) -> Vec<PartitionInfo> {
        let attribute = Attribute {
            name: "a".to_owned(),
            value: "x".repeat(bytes),
        };
        let info = |number: usize| PartitionInfo {
            id: number.to_string(),
            formerly: Vec::new(),
            attributes: vec![attribute.clone()],
            title: String::new(),
            unavailable: None,
        };
        (0..count).map(info).collect()
    }

    #[test]
    fn partitions_of_all_sources_are_bounded_and_each_source_has_some_whatever_others_take() {
        static POOL: Pool = Pool::new(1_000);
        let (greedy, modest) = (PartitionShare::of(&POOL), PartitionShare::of(&POOL));
        assert!(greedy.resize(&partitions(OWN + 1_000, 0)).is_ok());
        assert!(modest.resize(&partitions(OWN, 0)).is_ok());
        let failure = modest.resize(&partitions(OWN + 1, 0)).unwrap_err();
        assert_eq!(failure.code, "host.partitions");
        assert!(failure.message.contains("1000 of at most 1000"), "{failure}");
        assert!(greedy.resize(&partitions(OWN + 990, 0)).is_ok());
        assert!(modest.resize(&partitions(OWN + 10, 0)).is_ok());
        drop(greedy);
        assert!(modest.resize(&partitions(OWN + 1_000, 0)).is_ok());
    }

    #[test]
    fn partitions_with_long_texts_count_as_several() {
        static POOL: Pool = Pool::new(100);
        let share = PartitionShare::of(&POOL);
        assert!(share.resize(&partitions(OWN, TEXT_BYTES / 2)).is_ok());
        assert_eq!(POOL.taken.load(Ordering::Acquire), 0);
        // What 32 attributes may have at most is more than one such partition takes in all.
        assert!(share.resize(&partitions(OWN, 25 << 10)).is_ok());
        assert_eq!(POOL.taken.load(Ordering::Acquire), OWN);
        let failure = share.resize(&partitions(OWN, 36 << 10)).unwrap_err();
        assert!(
            failure
                .message
                .contains("100 partitions, which take the memory of 300"),
            "{failure}"
        );
        assert!(share.resize(&partitions(OWN, 0)).is_ok());
        assert_eq!(POOL.taken.load(Ordering::Acquire), 0);
    }
}
