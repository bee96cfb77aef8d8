//! Where a partition's reading stands, as bytes that a host keeps.
//!
//! A [`frame`] whose binary data are the ids of records ([`DedupWindow::write`]), and the ends of operations
//! ([`Ends::write`]) where they matter.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::contract::{Nanos, Timestamp};
use crate::dedup_window::DedupWindow;
use crate::ends::{self, Ends};
use crate::frame;
use crate::instant;
use crate::lookback::Pointers;
use crate::open::OpenRange;
use crate::window_scan::WindowScan;

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// Where a partition's reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What people can read.
    pub state: State,
    /// Records that a re-read may bring again.
    pub seen: DedupWindow,
    /// Operations that have ended; none where all records are wanted.
    pub ends: Ends,
}

/// The readable part of a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where reading began.
    #[serde(with = "instant::text")]
    pub start: Timestamp,
    /// What has been read, and how late.
    pub pointers: Pointers,
    /// Whether the stream is too busy to read its whole look-back at every poll.
    pub busy: bool,
    /// The most records that a page has held: what the service calls a page.
    pub page_size: u32,
    /// When the newest record seen became readable; zero before the first.
    #[serde(with = "instant::text")]
    pub newest: Timestamp,
    /// The width of slices, when trouble made them narrower than the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Nanos>,
    /// What could not be read, or not as it should be, and is asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenRange>,
    /// When operators were last told that there is no log here; none where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// The range being read; none between ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<WindowScan>,
    /// How many ends of operations follow the ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<u64>,
}

/// Why bytes are no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CursorError {
    /// It does not begin with a format version.
    #[error("the cursor does not begin with a format version")]
    Unversioned,
    /// A newer version wrote it.
    #[error("the cursor has format {0}, but this version reads formats up to {FORMAT}")]
    Newer(u32),
    /// Its checksum or its structure is wrong.
    #[error("the cursor is damaged")]
    Damaged,
}

impl Cursor {
    /// The cursor of a stream that begins at `start`.
    pub fn new(start: Timestamp, lookback: Nanos) -> Cursor {
        let pointers = Pointers::new(start, lookback);
        let start = pointers.watermark;
        let state = State {
            start,
            pointers,
            busy: false,
            page_size: 0,
            newest: 0,
            slice: None,
            open: Vec::new(),
            told: None,
            reading: None,
            ends: None,
        };
        Cursor {
            state,
            seen: DedupWindow::default(),
            ends: Ends::default(),
        }
    }

    /// Reads a cursor.
    pub fn decode(bytes: &[u8]) -> Result<Cursor, CursorError> {
        match frame::version(bytes).ok_or(CursorError::Unversioned)? {
            FORMAT => {}
            newer if newer > FORMAT => return Err(CursorError::Newer(newer)),
            _ => return Err(CursorError::Damaged),
        }
        decode(bytes).ok_or(CursorError::Damaged)
    }

    /// The cursor as bytes.
    pub fn encode(&mut self) -> Vec<u8> {
        self.state.ends = Some(self.ends.len() as u64).filter(|count| *count > 0);
        frame::seal(FORMAT, &self.state, |bytes| {
            self.seen.write(bytes);
            self.ends.write(bytes);
        })
    }
}

fn decode(bytes: &[u8]) -> Option<Cursor> {
    let (state, binary) = frame::open::<State>(bytes)?;
    let ends = usize::try_from(state.ends.unwrap_or(0)).ok()?;
    let ends = ends.checked_mul(ends::ENTRY)?;
    let (ids, ends) = binary.split_at_checked(binary.len().checked_sub(ends)?)?;
    Some(Cursor {
        state,
        seen: DedupWindow::read(ids)?,
        ends: Ends::read(ends)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::{HOUR, MINUTE};
    use crate::lookback::Range;
    use crate::open;

    fn cursor() -> Cursor {
        let start = instant::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        let mut cursor = Cursor::new(start, 30 * MINUTE);
        let range = Range {
            start,
            end: start + 6 * HOUR,
        };
        cursor.state.slice = Some(HOUR);
        let mut reading = WindowScan::new(range, start + 7 * HOUR, cursor.state.slice);
        reading.query.link = Some("https://management.azure.com/x?$skiptoken=a;b".to_owned());
        cursor.state.reading = Some(reading);
        cursor.seen.note(1, start);
        cursor
    }

    #[test]
    fn a_cursor_keeps_its_state_through_bytes() {
        let mut cursor = cursor();
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
        (1..100).for_each(|operation| cursor.ends.note(operation, cursor.state.start + operation));
        let bytes = cursor.encode();
        assert_eq!(Cursor::decode(&bytes), Ok(cursor));
    }

    #[test]
    fn the_first_line_is_readable() {
        let bytes = cursor().encode();
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
        insta::assert_snapshot!(std::str::from_utf8(line).unwrap());
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let bytes = cursor().encode();
        for index in 2..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(
                Cursor::decode(&damaged),
                Err(CursorError::Damaged),
                "byte {index}"
            );
            assert_eq!(
                Cursor::decode(&bytes[..index]),
                Err(CursorError::Damaged),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn newer_and_foreign_bytes_are_told_apart() {
        for (bytes, expected) in [
            ("2 {}", CursorError::Newer(2)),
            ("999 anything", CursorError::Newer(999)),
            ("0 {}", CursorError::Damaged),
            ("1 {}", CursorError::Damaged),
            ("", CursorError::Unversioned),
            ("1", CursorError::Unversioned),
            ("{}", CursorError::Unversioned),
            ("+1 {}", CursorError::Unversioned),
            ("99999999999 {}", CursorError::Unversioned),
        ] {
            assert_eq!(Cursor::decode(bytes.as_bytes()), Err(expected), "{bytes}");
        }
    }

    #[test]
    fn the_largest_cursor_stays_under_a_mebibyte() {
        let mut cursor = cursor();
        for id in 0..crate::dedup_window::MOST as u64 {
            cursor.seen.note(id, id % 10_080 * MINUTE);
        }
        let query = &mut cursor.state.reading.as_mut().unwrap().query;
        query.link = Some("\"".repeat(32 * 1024));
        query.links = vec![u64::MAX; 100];
        let open = OpenRange {
            start: u64::MAX / 2,
            end: u64::MAX / 2,
            since: u64::MAX / 2,
            told: u64::MAX / 2,
            again: u64::MAX / 2,
            tries: u32::MAX,
            is_kept: false,
        };
        cursor.state.open = vec![open; open::MOST];
        assert!(cursor.encode().len() < 1024 * 1024);
        // Ends of operations take the place of ids.
        (0..ends::MOST as u64).for_each(|operation| cursor.ends.note(operation, u64::MAX / 2));
        let forgotten = cursor.seen.forget_excess(cursor.ends.places());
        assert!(forgotten > 0);
        assert!(cursor.encode().len() < 1024 * 1024);
    }
}
