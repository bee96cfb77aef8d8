//! What a cursor looks like whose state is more than JSON: `1 ` (its format's version) and a JSON object that people can read on
//! the first line, binary data behind it, and the XXH3 hash of everything before it, so that damage is found.

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

const CHECKSUM: usize = 8;

/// The version that a cursor begins with: the decimal number before the first blank.
pub fn version(cursor: &[u8]) -> Option<u32> {
    let blank = cursor.iter().position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(&cursor[..blank]).ok()?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

/// A cursor of this version, with this state, and behind it what `binary` appends.
pub fn seal(version: u32, state: &impl Serialize, binary: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let state = serde_json::to_string(state).unwrap_or_default();
    let mut cursor = format!("{version} {state}\n").into_bytes();
    binary(&mut cursor);
    let checksum = xxh3_64(&cursor);
    cursor.extend(checksum.to_le_bytes());
    cursor
}

/// The state of a cursor, whose [`version`] has been judged, and the binary data; none if it is damaged.
pub fn open<S: DeserializeOwned>(cursor: &[u8]) -> Option<(S, &[u8])> {
    let (content, checksum) = cursor.split_last_chunk::<CHECKSUM>()?;
    if xxh3_64(content) != u64::from_le_bytes(*checksum) {
        return None;
    }
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let blank = content[..end].iter().position(|byte| *byte == b' ')?;
    let state = serde_json::from_slice(&content[blank + 1..end]).ok()?;
    Some((state, &content[end + 1..]))
}
