//! `headwater state export` and `import`: the cursors of one source on their way to another host.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use headwater::cursor::{Entry, EnvelopeError, NewCursor};

use crate::state_place::{StatePlace, StatePlaceError};

/// The version of the lines.
const FORMAT: u32 = 1;

/// One cursor, a line of JSON.
#[derive(Serialize, Deserialize)]
struct Line {
    headwater_state: u32,
    source: String,
    partition: String,
    plugin: String,
    stored: String,
    cursor: String,
}

/// Why cursors cannot be moved.
#[derive(Debug, Error)]
pub enum MoveError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StatePlaceError),
    /// There is nothing to export.
    #[error("source \"{0}\" has no stored cursor; `headwater state list` shows those that there are")]
    Nothing(String),
    /// An entry is of no use.
    #[error("partition {partition}: {error}")]
    Entry {
        /// The partition.
        partition: String,
        /// Why.
        error: EnvelopeError,
    },
    /// What is imported is not what `export` writes.
    #[error("line {line}: {problem}; nothing was imported")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There are cursors already.
    #[error(
        "source \"{source_name}\" has a cursor of the partition {partition} already, which would be lost; nothing was imported. To \
         replace it, delete the present ones first: `headwater state reset --source {source_name}`"
    )]
    Present {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
    },
}

/// The cursors of a source, one a line.
pub async fn export(state: &StatePlace, source: &str) -> Result<String, MoveError> {
    let mut text = String::new();
    for entry in entries_of(state, source).await? {
        let envelope = entry.envelope.map_err(|error| MoveError::Entry {
            partition: entry.partition.clone(),
            error,
        })?;
        let line = Line {
            headwater_state: FORMAT,
            source: entry.source,
            partition: entry.partition,
            plugin: envelope.plugin,
            stored: envelope.stored.to_rfc3339_opts(SecondsFormat::Secs, true),
            cursor: BASE64_STANDARD.encode(&envelope.cursor),
        };
        // A struct of texts and a number is always valid JSON.
        text.push_str(&serde_json::json!(line).to_string());
        text.push('\n');
    }
    if text.is_empty() {
        return Err(MoveError::Nothing(source.to_owned()));
    }
    Ok(text)
}

/// Stores the cursors that `export` wrote; all of them or none. Returns how many there were.
pub async fn import(state: &StatePlace, source: &str, text: &str) -> Result<usize, MoveError> {
    let mut cursors = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let refusal = |problem: String| MoveError::Line {
            line: index + 1,
            problem,
        };
        let line: Line = serde_json::from_str(line)
            .map_err(|_| refusal("is not a line that `headwater state export` writes".to_owned()))?;
        if line.headwater_state != FORMAT {
            return Err(refusal(
                "was written by a newer headwater; use that version".to_owned(),
            ));
        }
        if line.source != source {
            return Err(refusal(format!(
                "is of source \"{}\"; import it with --source {0}",
                line.source
            )));
        }
        let cursor = BASE64_STANDARD
            .decode(&line.cursor)
            .map_err(|_| refusal("has a damaged cursor; export it again".to_owned()))?;
        cursors.push(NewCursor {
            partition: line.partition,
            plugin: line.plugin,
            cursor,
        });
    }
    if cursors.is_empty() {
        return Err(MoveError::Line {
            line: 1,
            problem: "there is nothing to import; check the file".to_owned(),
        });
    }
    let present = entries_of(state, source).await?;
    let present = present
        .iter()
        .find(|entry| cursors.iter().any(|new| new.partition == entry.partition));
    if let Some(entry) = present {
        return Err(MoveError::Present {
            source_name: source.to_owned(),
            partition: entry.partition.clone(),
        });
    }
    state.put(source, &cursors).await?;
    Ok(cursors.len())
}

async fn entries_of(state: &StatePlace, source: &str) -> Result<Vec<Entry>, StatePlaceError> {
    let mut entries = state.entries().await?;
    entries.retain(|entry| entry.source == source);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use headwater::cursor::state_file::State;

    use super::*;
    use crate::state_place::StateFile;

    /// A state, and as commands see it.
    fn open() -> (tempfile::TempDir, State, StatePlace) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.redb")).unwrap();
        let place = StatePlace::File(StateFile::Own(state.clone()));
        (folder, state, place)
    }

    #[tokio::test]
    async fn what_was_exported_is_imported_and_nothing_else_is_touched() {
        let (_one, from, from_place) = open();
        let (_two, to, to_place) = open();
        for (source, partition) in [("a", "p"), ("a", "q"), ("b", "p")] {
            from.commit(source, partition, "plugin 1", b"1 x\n\xff")
                .await
                .unwrap();
        }
        to.commit("b", "p", "plugin 1", b"1 other").await.unwrap();
        let text = export(&from_place, "a").await.unwrap();
        assert_eq!(import(&to_place, "a", &text).await.unwrap(), 2);
        assert_eq!(
            to.load("a", "q").await.unwrap().as_deref(),
            Some(&b"1 x\n\xff"[..])
        );
        assert_eq!(to.load("b", "p").await.unwrap().as_deref(), Some(&b"1 other"[..]));
        assert_eq!(export(&to_place, "a").await.unwrap().lines().count(), 2);
        assert!(matches!(
            export(&from_place, "c").await,
            Err(MoveError::Nothing(_))
        ));
    }

    #[tokio::test]
    async fn a_cursor_that_is_there_is_never_replaced_and_garbage_changes_nothing() {
        let (_one, from, from_place) = open();
        let (_two, to, to_place) = open();
        for partition in ["p", "q"] {
            from.commit("a", partition, "plugin 1", b"1 new").await.unwrap();
        }
        to.commit("a", "q", "plugin 1", b"1 old").await.unwrap();
        let text = export(&from_place, "a").await.unwrap();
        for (source, text, expected) in [
            ("a", text.as_str(), "has a cursor of the partition q already"),
            ("b", &text, "line 1: is of source \"a\""),
            ("a", "", "nothing to import"),
            ("a", "hunter2", "line 1: is not a line"),
            (
                "a",
                &text.replace("\"headwater_state\":1", "\"headwater_state\":2"),
                "newer headwater",
            ),
        ] {
            let error = import(&to_place, source, text).await.unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(to.entries().await.unwrap().len(), 1);
        assert_eq!(to.load("a", "q").await.unwrap().as_deref(), Some(&b"1 old"[..]));
    }
}
