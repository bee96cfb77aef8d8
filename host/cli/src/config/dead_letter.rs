//! `dead_letter`: where a source's dead letters are kept.

use std::path::{Path, PathBuf};

use headwater::sink::Rotation;
use toml::Value;

use super::places::Places;
use super::rotation;
use super::section::Section;

/// Where a source's dead letters are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetterPlace {
    /// In a file of this host.
    File {
        /// The file.
        path: PathBuf,
        /// When it is rotated.
        rotation: Rotation,
    },
    /// In the database of the cursors.
    Database,
}

impl DeadLetterPlace {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Database => None,
        }
    }
}

/// Reads a path, or a table with a path and when the file is rotated. Without a path they are in the usual file, or in the
/// database where there is none.
pub(super) fn read(section: &Section<'_>, places: &Places<'_>, usual: Option<PathBuf>) -> DeadLetterPlace {
    let (written, rotation) = read_written(section);
    match written.map(|path| places.join(path)).or(usual) {
        Some(path) => DeadLetterPlace::File { path, rotation },
        None => {
            if rotation != Rotation::default() {
                section.problem(
                    "dead_letter",
                    "rotates a file, and dead letters are in the database of `state.url`; add `path` to keep those of \
                     this source in a file of each host, or remove `dead_letter`",
                );
            }
            DeadLetterPlace::Database
        }
    }
}

fn read_written(section: &Section<'_>) -> (Option<String>, Rotation) {
    if !section.value("dead_letter").is_some_and(Value::is_table) {
        return (section.text("dead_letter"), Rotation::default());
    }
    let table = section.table("dead_letter").map(|table| {
        let read = (table.text("path"), rotation::read(&table));
        table.finish();
        read
    });
    table.unwrap_or_default()
}
