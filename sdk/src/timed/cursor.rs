//! Where a timed stream's reading stands, as bytes that a host keeps: a [`frame`] whose binary data are the ids
//! ([`DedupWindow::write`]).

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::cursor::{self, CursorError};
use crate::dedup_window::DedupWindow;
use crate::frame;
use crate::instant;
use crate::lookback::Pointers;
use crate::window_scan::WindowScan;

/// Where reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// What people can read.
    pub(super) state: State,
    /// Records that reading again may bring again.
    pub(super) seen: DedupWindow,
}

/// The readable part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Where reading began.
    #[serde(with = "instant::text")]
    pub(super) start: Timestamp,
    /// What has been read, and how late.
    pub(super) pointers: Pointers,
    /// Whether the stream is too busy to read its whole look-back at every poll.
    pub(super) busy: bool,
    /// The most records that a page has held.
    pub(super) page_size: u32,
    /// The time of the newest record; zero before the first.
    #[serde(with = "instant::text")]
    pub(super) newest: Timestamp,
    /// The width of slices, when failures made them narrower than the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slice: Option<Nanos>,
    /// The range being read; none between ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reading: Option<WindowScan>,
}

impl Cursor {
    /// The cursor of a stream that begins at `start`.
    pub(super) fn new(start: Timestamp, lookback: Nanos) -> Self {
        let pointers = Pointers::new(start, lookback);
        let state = State {
            start: pointers.watermark,
            pointers,
            busy: false,
            page_size: 0,
            newest: 0,
            slice: None,
            reading: None,
        };
        Self {
            state,
            seen: DedupWindow::default(),
        }
    }

    /// The cursor as bytes of this format.
    pub(super) fn encode(&self, format: u32) -> Vec<u8> {
        frame::seal(format, &self.state, |bytes| self.seen.write(bytes))
    }

    /// Reads a cursor of this format.
    pub(super) fn decode(format: u32, bytes: &[u8]) -> Result<Self, CursorError> {
        cursor::judge_version(format, bytes)?;
        let (state, ids) = frame::open(bytes).ok_or(CursorError::Damaged)?;
        let seen = DedupWindow::read(ids).ok_or(CursorError::Damaged)?;
        Ok(Self { state, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::{HOUR, MINUTE};
    use crate::lookback::Range;

    fn cursor() -> Cursor {
        let start = instant::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        let mut cursor = Cursor::new(start, 30 * MINUTE);
        let range = Range {
            start,
            end: start + HOUR,
        };
        cursor.state.reading = Some(WindowScan::new(range, start + 2 * HOUR, None));
        cursor.seen.note(1, start);
        cursor
    }

    #[test]
    fn a_cursor_keeps_its_state_and_every_damage_is_found() {
        let cursor = cursor();
        let bytes = cursor.encode(1);
        assert_eq!(Cursor::decode(1, &bytes), Ok(cursor));
        for index in 2..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(Cursor::decode(1, &damaged), Err(CursorError::Damaged), "{index}");
            assert_eq!(
                Cursor::decode(1, &bytes[..index]),
                Err(CursorError::Damaged),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn newer_and_foreign_cursors_are_told_apart() {
        for (cursor, error) in [
            ("2 {}", CursorError::Newer(2)),
            ("0 {}", CursorError::Damaged),
            ("1 {}", CursorError::Damaged),
            ("+1 {}", CursorError::Damaged),
            ("1", CursorError::Damaged),
            ("", CursorError::Damaged),
        ] {
            assert_eq!(Cursor::decode(1, cursor.as_bytes()), Err(error), "{cursor}");
        }
    }

    #[test]
    fn the_largest_cursor_stays_under_a_mebibyte() {
        let mut cursor = cursor();
        for id in 0..2 * crate::dedup_window::MOST as u64 {
            cursor.seen.note(id, id % 10_080 * MINUTE);
        }
        cursor.seen.forget_excess(0);
        let query = &mut cursor.state.reading.as_mut().unwrap().query;
        query.link = Some("\"".repeat(super::super::reader::LONGEST_LINK));
        query.links = vec![u64::MAX; super::super::reader::LINKS_REMEMBERED];
        assert!(cursor.encode(1).len() < 1024 * 1024);
    }
}
