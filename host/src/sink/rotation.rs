//! When a file of events is full, and what it is called afterwards.

#![expect(
    clippy::disallowed_methods,
    reason = "runs on the thread of its file (`file_work`)"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// When to begin a new file. The default never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would grow beyond so many bytes. One batch that is larger gets a file of its own.
    pub size: Option<u64>,
    /// At the first write after the end of each period. Periods are counted from 1970, so that a day ends at midnight
    /// UTC and a restart does not begin a new one.
    pub every: Option<Duration>,
}

impl Rotation {
    /// Whether a file with `length` bytes, last written at `written`, must be rotated before `more` bytes are written
    /// to it `now`. An empty file never is. Neither is one from a later period: the clock was set back, and each write
    /// would begin a file of its own.
    pub(super) fn is_due(&self, length: u64, written: SystemTime, more: u64, now: SystemTime) -> bool {
        let is_full = self.size.is_some_and(|size| length.saturating_add(more) > size);
        let is_over = self
            .every
            .is_some_and(|every| period(written, every) < period(now, every));
        length > 0 && (is_full || is_over)
    }
}

/// How many whole periods have passed since 1970.
fn period(time: SystemTime, length: Duration) -> u128 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() / length.as_nanos().max(1)
}

/// The name of a file that is rotated `now`: `events.20260131T235959.123Z.ndjson` for `events.ndjson`. Such names sort
/// by time; one that is taken is left alone, and the next free millisecond is used.
pub(super) fn put_away_name(path: &Path, now: SystemTime) -> PathBuf {
    let mut time = DateTime::<Utc>::from(now);
    loop {
        let stamp = time.format("%Y%m%dT%H%M%S%.3fZ");
        let extension = match path.extension() {
            Some(extension) => format!("{stamp}.{}", extension.to_string_lossy()),
            None => stamp.to_string(),
        };
        let name = path.with_extension(extension);
        if !name.exists() {
            return name;
        }
        time += Duration::from_millis(1);
    }
}

/// Whether a name is one that [`put_away_name`] gives a file.
pub(super) fn is_rotated(path: &Path, candidate: &Path) -> bool {
    let text = |name: Option<&std::ffi::OsStr>| name.and_then(|name| name.to_str().map(str::to_owned));
    let (Some(stem), Some(name)) = (text(path.file_stem()), text(candidate.file_name())) else {
        return false;
    };
    let extension = text(path.extension())
        .map(|extension| format!(".{extension}"))
        .unwrap_or_default();
    let stamp = name
        .strip_prefix(&format!("{stem}."))
        .and_then(|rest| rest.strip_suffix(&extension));
    let is_stamp = |stamp: &str| {
        // 20260131T235959.123Z
        stamp.len() == 20
            && stamp.bytes().enumerate().all(|(place, byte)| match place {
                8 => byte == b'T',
                15 => byte == b'.',
                19 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    };
    stamp.is_some_and(is_stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// So many hours after midnight of some day.
    fn hour(hour: u64) -> SystemTime {
        UNIX_EPOCH + 20_000 * DAY + Duration::from_secs(hour * 60 * 60)
    }

    #[test]
    fn a_file_is_put_away_before_it_grows_too_large() {
        let rotation = Rotation {
            size: Some(100),
            every: None,
        };
        for (length, more, due) in [(0, 500, false), (40, 60, false), (40, 61, true), (100, 1, true)] {
            assert_eq!(
                rotation.is_due(length, hour(0), more, hour(0)),
                due,
                "{length} + {more}"
            );
        }
    }

    #[test]
    fn a_file_is_put_away_when_its_period_is_over_and_not_when_the_clock_goes_back() {
        let rotation = Rotation {
            size: None,
            every: Some(DAY),
        };
        for (written, now, due) in [(1, 23, false), (23, 24, true), (1, 75, true), (24, 23, false)] {
            assert_eq!(
                rotation.is_due(1, hour(written), 1, hour(now)),
                due,
                "{written} to {now}"
            );
        }
        assert!(!rotation.is_due(0, hour(1), 1, hour(75)), "an empty file stays");
    }

    #[test]
    fn without_a_limit_nothing_is_put_away() {
        assert!(!Rotation::default().is_due(u64::MAX, hour(0), 1, hour(1000)));
    }

    #[test]
    fn names_carry_the_time_and_never_replace_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let now = UNIX_EPOCH + Duration::from_millis(1_769_903_999_999);
        for (path, names) in [
            (
                "events.ndjson",
                [
                    "events.20260131T235959.999Z.ndjson",
                    "events.20260201T000000.000Z.ndjson",
                ],
            ),
            (
                "events",
                ["events.20260131T235959.999Z", "events.20260201T000000.000Z"],
            ),
        ] {
            for name in names {
                let chosen = put_away_name(&folder.path().join(path), now);
                assert_eq!(chosen, folder.path().join(name));
                assert!(is_rotated(&folder.path().join(path), &chosen));
                std::fs::write(chosen, "").unwrap();
            }
        }
    }
}
