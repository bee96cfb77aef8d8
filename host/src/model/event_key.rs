//! The global key of an event: what receivers that de-duplicate know it by.

use sha2::{Digest, Sha256};

/// The key of an event: SHA-256 over source, partition and id, in lower-case hexadecimal, 64 characters.
///
/// An event's id is unique within its partition only, so two sources that both number their records 1, 2, 3 would
/// overwrite each other in a receiver that goes by the id. The three are separated by a zero byte, which neither the name
/// of a source nor that of a partition can hold; the id comes last. No two different triples give the same input.
///
/// The key is stable: it does not change between versions, and anybody can compute it:
/// `printf 'SOURCE\0PARTITION\0ID' | sha256sum`.
pub fn event_key(source: &str, partition: &str, id: &str) -> String {
    let digest = Sha256::new()
        .chain_update(source)
        .chain_update([0])
        .chain_update(partition)
        .chain_update([0])
        .chain_update(id)
        .finalize();
    format!("{digest:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_documented_hash() {
        // printf 'contoso\0sub-1\0id-7' | sha256sum
        assert_eq!(
            event_key("contoso", "sub-1", "id-7"),
            "7beb64be0fab37c2923024894850550375e2dc96c933c62cf903b6bcb4f10c61"
        );
    }

    #[test]
    fn equal_ids_of_different_sources_and_partitions_have_different_keys() {
        let triples = [
            ("a", "b", "1"),
            ("a", "c", "1"),
            ("b", "b", "1"),
            ("ab", "", "1"),
            ("a", "b1", ""),
            ("a", "b", "\u{0}1"),
            ("a", "b", &"1".repeat(1 << 20)),
        ];
        let mut keys: Vec<String> = triples
            .iter()
            .map(|(source, partition, id)| event_key(source, partition, id))
            .collect();
        assert!(keys.iter().all(|key| key.len() == 64), "{keys:?}");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), triples.len());
    }
}
