//! Positions as cursors: the format's version, the position as JSON on the first line, and a checksum.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::frame;

/// Why bytes are not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CursorError {
    /// A newer version of the source wrote it.
    #[error("the cursor has format {0}, which a newer version of this source wrote")]
    Newer(u32),
    /// It is not what this source wrote.
    #[error("the cursor is damaged, or another source wrote it")]
    Damaged,
}

/// A position as a cursor of this format. People can read its first line.
pub fn encode(format: u32, position: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(position).unwrap_or_default();
    let line = format!("{format} {json}\n");
    format!("{line}{:016x}", checksum(line.as_bytes())).into_bytes()
}

/// The position of a cursor of this format.
///
/// # Errors
///
/// It is newer, or not one.
pub fn decode<P: DeserializeOwned>(format: u32, cursor: &[u8]) -> Result<P, CursorError> {
    let text = std::str::from_utf8(cursor).map_err(|_| CursorError::Damaged)?;
    judge_version(format, cursor)?;
    let (json, sum) = text.split_once('\n').ok_or(CursorError::Damaged)?;
    let json = json.split_once(' ').map_or("", |(_, json)| json);
    let line = &text[..text.len() - sum.len()];
    if sum != format!("{:016x}", checksum(line.as_bytes())) {
        return Err(CursorError::Damaged);
    }
    serde_json::from_str(json).map_err(|_| CursorError::Damaged)
}

/// Whether a cursor is one of this format, by the version that it begins with.
pub(crate) fn judge_version(format: u32, cursor: &[u8]) -> Result<(), CursorError> {
    match frame::version(cursor) {
        Some(version) if version == format => Ok(()),
        Some(newer) if newer > format => Err(CursorError::Newer(newer)),
        _ => Err(CursorError::Damaged),
    }
}

/// FNV-1a: finds damage, and never changes between versions.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_kept_and_every_damage_is_found() {
        let cursor = encode(1, &(7, "seven"));
        assert!(cursor.starts_with(b"1 [7,\"seven\"]\n"));
        assert_eq!(decode(1, &cursor), Ok((7, "seven".to_owned())));
        for index in 0..cursor.len() {
            let mut damaged = cursor.clone();
            damaged[index] ^= 1;
            assert!(decode::<(u64, String)>(1, &damaged).is_err(), "{index}");
            assert!(
                decode::<(u64, String)>(1, &cursor[..index]).is_err(),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn newer_and_foreign_cursors_are_told_apart() {
        for (cursor, error) in [
            (&b"2 x"[..], CursorError::Newer(2)),
            (b"0 x", CursorError::Damaged),
            (b"", CursorError::Damaged),
            (b"1", CursorError::Damaged),
            (b"1 ", CursorError::Damaged),
            (b"1 7", CursorError::Damaged),
            (b"1 \xff\n", CursorError::Damaged),
            (b"no version", CursorError::Damaged),
        ] {
            assert_eq!(decode::<u64>(1, cursor), Err(error), "{cursor:?}");
        }
    }
}
