//! A stored cursor, sealed: whose it is, who wrote it, and whether it is still whole.

use std::cmp::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The format of the header line.
const FORMAT: u32 = 1;

/// A cursor and what was noted when it was stored. Stored as a line of JSON, then the cursor's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Name and version of the plugin that wrote the cursor.
    pub plugin: String,
    /// When it was stored.
    pub stored: DateTime<Utc>,
    /// The cursor as the plugin returned it.
    pub cursor: Vec<u8>,
}

/// Why a stored cursor must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes are not those that were stored.
    #[error(
        "the stored cursor is damaged; restore it from a backup, or let this partition restart with \
         `headwater state reset`"
    )]
    Damaged,
    /// There was a cursor, and it is gone.
    #[error(
        "this partition had a cursor and has none; restore it from a backup, or let it restart with \
         `headwater state reset`"
    )]
    Missing,
    /// A newer version stored it.
    #[error("the stored cursor was written by a newer headwater (format {0}); use that version")]
    Newer(u32),
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    plugin: String,
    stored: String,
    sha256: String,
}

/// The one part of a header that every format has.
#[derive(Deserialize)]
struct AnyHeader {
    format: u32,
}

impl Envelope {
    /// Seals a cursor for storage.
    pub(in crate::cursor) fn seal(source: &str, partition: &str, plugin: &str, cursor: &[u8]) -> Vec<u8> {
        let stored = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let sha256 = checksum(source, partition, &stored, plugin, cursor);
        let header = Header {
            format: FORMAT,
            plugin: plugin.to_owned(),
            stored,
            sha256,
        };
        // A struct of texts and a number is always valid JSON, and JSON text holds no raw line end.
        let mut sealed = serde_json::json!(header).to_string().into_bytes();
        sealed.push(b'\n');
        sealed.extend_from_slice(cursor);
        sealed
    }

    /// Opens a sealed cursor that should belong to this source and partition.
    pub(in crate::cursor) fn open(
        sealed: &[u8],
        source: &str,
        partition: &str,
    ) -> Result<Self, EnvelopeError> {
        let end = sealed
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(EnvelopeError::Damaged)?;
        let (header, cursor) = (&sealed[..end], &sealed[end + 1..]);
        let any: AnyHeader = serde_json::from_slice(header).map_err(|_| EnvelopeError::Damaged)?;
        match any.format.cmp(&FORMAT) {
            Ordering::Greater => return Err(EnvelopeError::Newer(any.format)),
            Ordering::Equal => {}
            // There was never an older one.
            Ordering::Less => return Err(EnvelopeError::Damaged),
        }
        let header: Header = serde_json::from_slice(header).map_err(|_| EnvelopeError::Damaged)?;
        if header.sha256 != checksum(source, partition, &header.stored, &header.plugin, cursor) {
            return Err(EnvelopeError::Damaged);
        }
        let stored = DateTime::parse_from_rfc3339(&header.stored).map_err(|_| EnvelopeError::Damaged)?;
        Ok(Self {
            plugin: header.plugin,
            stored: stored.to_utc(),
            cursor: cursor.to_vec(),
        })
    }

    /// The part of the cursor that the contract opens to people: its first line.
    pub fn first_line(&self) -> String {
        let line = self
            .cursor
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}

/// Covers the place as well as the content, so that a cursor in another partition's place does not pass.
fn checksum(source: &str, partition: &str, stored: &str, plugin: &str, cursor: &[u8]) -> String {
    let mut sha256 = Sha256::new();
    for part in [
        source.as_bytes(),
        partition.as_bytes(),
        stored.as_bytes(),
        plugin.as_bytes(),
        cursor,
    ] {
        sha256.update((part.len() as u64).to_le_bytes());
        sha256.update(part);
    }
    format!("{:x}", sha256.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place_only(cursor: Vec<u8>, source in "[a-z]{1,8}", partition in "[a-z/-]{1,8}") {
            let sealed = Envelope::seal(&source, &partition, "p 1.0", &cursor);
            prop_assert_eq!(Envelope::open(&sealed, &source, &partition).unwrap().cursor, cursor);
            prop_assert_eq!(Envelope::open(&sealed, &source, "elsewhere"), Err(EnvelopeError::Damaged));
            prop_assert_eq!(Envelope::open(&sealed, "ELSE", &partition), Err(EnvelopeError::Damaged));
        }

        #[test]
        fn any_changed_byte_is_noticed(cursor: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
            let mut sealed = Envelope::seal("s", "p", "plugin", &cursor);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(Envelope::open(&sealed, "s", "p").is_err());
        }

        #[test]
        fn any_missing_end_is_noticed(cursor in prop::collection::vec(any::<u8>(), 1..50), cut in 1..50usize) {
            let sealed = Envelope::seal("s", "p", "plugin", &cursor);
            prop_assert!(Envelope::open(&sealed[..sealed.len().saturating_sub(cut)], "s", "p").is_err());
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let sealed = b"{\"format\":7,\"shape\":\"unknown\"}\n1 x";
        assert_eq!(Envelope::open(sealed, "s", "p"), Err(EnvelopeError::Newer(7)));
    }
}
