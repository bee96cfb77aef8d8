//! `rotate_size` and `rotate_every`: when a file is rotated.

use std::time::Duration;

use headwater::sink::Rotation;

use super::section::Section;

/// Smaller or shorter-lived files would be thousands.
const SMALLEST_FILE: u64 = 64 << 10;
const SHORTEST_PERIOD: Duration = Duration::from_secs(60);

/// Reads both keys; problems are noted in the section.
pub(super) fn read(section: &Section<'_>) -> Rotation {
    let rotation = Rotation {
        size: section.size("rotate_size"),
        every: section.duration("rotate_every"),
    };
    if rotation.size.is_some_and(|size| size < SMALLEST_FILE) {
        section.problem(
            "rotate_size",
            "is too small for a file; give at least \"64KiB\", better \"100MiB\"",
        );
    }
    if rotation.every.is_some_and(|every| every < SHORTEST_PERIOD) {
        section.problem(
            "rotate_every",
            "is too often for a file; give at least \"1m\", better \"24h\"",
        );
    }
    rotation
}
