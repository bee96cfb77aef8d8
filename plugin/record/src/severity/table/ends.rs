//! By the ends of a pattern most rows are passed over without a closer look. Compiled into the build step as well, which hashes
//! those of the table.

/// The first segment of a pattern that begins anywhere.
#[allow(dead_code, reason = "the build step needs the functions only")]
pub const ANY: &[u8] = b"*";

/// The first and the last segment.
pub fn ends(path: &[u8]) -> (&[u8], &[u8]) {
    let mut segments = path.split(|byte| *byte == b'/');
    let first = segments.next().unwrap_or_default();
    (first, segments.next_back().unwrap_or(first))
}

/// One hash for the first and the last segment of a pattern, whatever the letter case (FNV-1a). The last of every one is a
/// word, see `every_row_ends_in_a_word`.
pub fn hash_of_ends(first: &[u8], last: &[u8]) -> u64 {
    let letters = first.iter().chain(b"/").chain(last);
    letters.fold(0xcbf2_9ce4_8422_2325, |hash, letter| {
        (hash ^ u64::from(letter.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3)
    })
}
