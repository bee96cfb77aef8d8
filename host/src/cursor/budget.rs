//! How much the cursors of one source take together: they lie in the state file that all sources share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::{Failure, Fault, MOST_PARTITIONS};

/// Bytes of all cursors of one source. A busy subscription of the Azure source takes half a MiB, a usual one some KiB.
const MOST_BYTES: usize = 256 << 20;
/// Partitions with a cursor: as many as there may be at once, and as many again that are not listed any more.
const MOST_CURSORS: usize = 2 * MOST_PARTITIONS;
/// Cursors up to this size stay in memory between polls; larger ones are read from the state again.
pub(crate) const KEPT_IN_MEMORY: usize = 16 << 10;

/// The sizes of a source's cursors by partition, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct CursorBudget(Mutex<Sizes>);

#[derive(Debug, Default)]
struct Sizes {
    by_partition: HashMap<String, usize>,
    total: usize,
}

impl CursorBudget {
    /// Notes the size of a partition's cursor. Fails, and changes nothing, where a larger one than before would exceed
    /// what the source may have.
    pub(crate) fn note(&self, partition: &str, bytes: usize) -> Result<(), Failure> {
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sizes.by_partition.get(partition).copied().unwrap_or(0);
        if !sizes.by_partition.contains_key(partition) && sizes.by_partition.len() >= MOST_CURSORS {
            let message = format!(
                "the source has stored cursors of {MOST_CURSORS} partitions since the start, which is the most that a source \
                 may have; nothing was stored"
            );
            return Err(Failure::host(Fault::Broken, "cursors", message).with_hint(
                "if its plugin gives partitions other names at every discovery, report that to its author",
            ));
        }
        let total = sizes.total - before + bytes;
        if total > MOST_BYTES && bytes > before {
            let message = format!(
                "the cursors of the source would take {total} bytes together; a source may have {MOST_BYTES}; nothing was \
                 stored"
            );
            return Err(Failure::host(Fault::Broken, "cursors", message)
                .with_hint("spread its partitions over several sources; if they are few, report it to the plugin's author"));
        }
        sizes.by_partition.insert(partition.to_owned(), bytes);
        sizes.total = total;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_invents_partitions_without_end_stores_no_cursors_without_end() {
        let bytes = CursorBudget::default();
        for number in 0..MOST_CURSORS {
            assert!(bytes.note(&number.to_string(), 2).is_ok());
        }
        let failure = bytes.note("one more", 2).unwrap_err();
        assert_eq!(failure.code, "host.cursors");
        assert!(bytes.note("7", 3).is_ok(), "those there are go on");
    }

    #[test]
    fn cursors_of_a_source_are_bounded_together_and_those_there_are_go_on() {
        let bytes = CursorBudget::default();
        let many = MOST_BYTES >> 20;
        for number in 0..many {
            assert!(bytes.note(&number.to_string(), 1 << 20).is_ok());
        }
        let failure = bytes.note("one more", 100).unwrap_err();
        assert_eq!(failure.code, "host.cursors");
        assert!(failure.message.contains(&MOST_BYTES.to_string()), "{failure}");
        assert!(bytes.note("0", 1 << 20).is_ok(), "what there is may be replaced");
        assert!(bytes.note("0", 1 << 19).is_ok());
        assert!(bytes.note("one more", 100).is_ok());
    }
}
