//! `headwater state`: list and show stored cursors, and reset them.

use chrono::SecondsFormat;

use crate::table;
use headwater::cursor::Entry;
use headwater::redact::Redactor;
use headwater::redact::printable::printable;

/// Which cursors a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this source's.
    pub source: Option<String>,
    /// Only this partition's.
    pub partition: Option<String>,
}

impl Selection {
    fn holds(&self, entry: &Entry) -> bool {
        let matches =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        matches(&self.source, &entry.source) && matches(&self.partition, &entry.partition)
    }
}

/// A row for each cursor: whose, how large, how old, and whether it is whole. `width` is that of the terminal, if it is one.
pub fn list(entries: Vec<Entry>, selection: &Selection, width: Option<usize>) -> String {
    let head = ["SOURCE", "PARTITION", "STORED", "BYTES", "PLUGIN"]
        .map(str::to_owned)
        .to_vec();
    // A damaged file may hold anything, and a plugin chooses its name.
    let clean = |text: &str| printable(text).into_owned();
    let row = |entry: Entry| match entry.envelope {
        Ok(envelope) => {
            let stored = envelope.stored.to_rfc3339_opts(SecondsFormat::Secs, true);
            vec![
                clean(&entry.source),
                clean(&entry.partition),
                stored,
                envelope.cursor.len().to_string(),
                clean(&envelope.plugin),
            ]
        }
        Err(error) => vec![
            clean(&entry.source),
            clean(&entry.partition),
            "-".to_owned(),
            "-".to_owned(),
            error.to_string(),
        ],
    };
    let rows = selected(entries, selection).map(row);
    table::fit(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), width)
}

/// What a cursor says to people: the first line of each.
pub fn show(entries: Vec<Entry>, selection: &Selection) -> String {
    let cleaner = Redactor::default();
    let section = |entry: Entry| {
        let content = match &entry.envelope {
            Ok(envelope) => cleaner.clean(&envelope.first_line()),
            Err(error) => error.to_string(),
        };
        let (source, partition) = (printable(&entry.source), printable(&entry.partition));
        format!("{source} {partition}\n  {}\n", printable(&content))
    };
    selected(entries, selection).map(section).collect()
}

/// The source and partition of each.
pub fn keys(entries: Vec<Entry>, selection: &Selection) -> Vec<(String, String)> {
    selected(entries, selection)
        .map(|entry| (entry.source, entry.partition))
        .collect()
}

fn selected(entries: Vec<Entry>, selection: &Selection) -> impl Iterator<Item = Entry> {
    entries.into_iter().filter(|entry| selection.holds(entry))
}

#[cfg(test)]
mod tests {
    use headwater::cursor::state_file::State;

    use super::*;

    async fn filled() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.redb")).unwrap();
        for (source, partition) in [("one", "a"), ("one", "b"), ("two", "a")] {
            state
                .commit(source, partition, "p 1", b"1 until noon\nopaque")
                .await
                .unwrap();
        }
        (folder, state)
    }

    fn selection(source: Option<&str>, partition: Option<&str>) -> Selection {
        Selection {
            source: source.map(str::to_owned),
            partition: partition.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn only_what_was_selected_is_reset() {
        for (source, partition, gone, left) in [
            (Some("one"), None, 2, 1),
            (Some("one"), Some("a"), 1, 2),
            (None, Some("a"), 2, 1),
            (None, None, 3, 0),
            (Some("three"), None, 0, 3),
        ] {
            let (_folder, state) = filled().await;
            let keys = keys(state.entries().await.unwrap(), &selection(source, partition));
            assert_eq!(keys.len(), gone, "{source:?} {partition:?}");
            state.forget(keys).await.unwrap();
            assert_eq!(
                state.entries().await.unwrap().len(),
                left,
                "{source:?} {partition:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_a_plugin_calls_itself_writes_no_escapes_and_no_lines() {
        let (_folder, state) = filled().await;
        state
            .commit(
                "one",
                "\u{1b}[2J",
                "p\u{1b}]0;owned\u{7}\nforged 1",
                b"1 x\x1b[31m",
            )
            .await
            .unwrap();
        let all = Selection::default();
        for text in [
            list(state.entries().await.unwrap(), &all, None),
            show(state.entries().await.unwrap(), &all),
        ] {
            assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
            assert!(text.lines().all(|line| !line.starts_with("forged")), "{text:?}");
        }
    }

    #[tokio::test]
    async fn the_readable_line_of_a_cursor_is_shown() {
        let (_folder, state) = filled().await;
        let shown = show(state.entries().await.unwrap(), &selection(Some("two"), None));
        assert_eq!(shown, "two a\n  1 until noon\n");
    }
}
