//! The built-in table, a row for each line of `operations.tsv`.

mod ends;

use std::sync::OnceLock;

use super::Severity;
use super::condition::Condition;
use crate::pattern::Pattern;
use ends::{ANY, ends, hash_of_ends};

/// One row: what an operation is worth.
#[derive(Debug, Clone)]
pub struct Row {
    /// Which part of the table it belongs to.
    pub set: Set,
    /// Which operations.
    pub operation: Pattern,
    /// How serious they are.
    pub severity: Severity,
    /// Under which condition; none: always.
    pub condition: Option<Condition>,
    /// How serious they are where the condition is not met; none: the row then says nothing.
    pub otherwise: Option<Severity>,
    /// ATT&CK technique ids.
    pub techniques: Vec<&'static str>,
    /// Why, in a few words that follow "the operation".
    pub reason: &'static str,
}

/// The parts of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The documented table of the reference system: the first match counts, whatever the outcome.
    Documented,
    /// What public detection content watches: the highest match counts, a failed attempt as medium at most.
    Content,
}

/// A line of the table, without its evidence.
struct Line {
    text: &'static str,
    /// [`hash_of_ends`] of its pattern.
    ends: u64,
}

/// Made by `build.rs`.
static LINES: &[Line] = include!(concat!(env!("OUT_DIR"), "/operations.rs"));

/// Those that were read so far. Most polls bring a few operations, and each operation has a few rows.
static ROWS: [OnceLock<Option<Row>>; LINES.len()] = [const { OnceLock::new() }; LINES.len()];

/// The rows in their order. What cannot be read is left out; a test sees to it that there is none.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    (0..LINES.len()).filter_map(row)
}

/// The rows whose pattern matches `operation`, which is in lower case, in their order.
pub fn matching(operation: &[u8]) -> impl Iterator<Item = &'static Row> {
    let (first, last) = ends(operation);
    let hashes = [hash_of_ends(first, last), hash_of_ends(ANY, last)];
    let lines = LINES.iter().enumerate();
    lines
        .filter(move |(_, line)| hashes.contains(&line.ends))
        .filter_map(|(index, _)| row(index))
        .filter(|row| row.operation.matches(operation))
}

fn row(index: usize) -> Option<&'static Row> {
    ROWS[index].get_or_init(|| Row::parse(LINES[index].text)).as_ref()
}

impl Row {
    fn parse(text: &'static str) -> Option<Row> {
        let mut columns = text.split('\t');
        let set = match columns.next()? {
            "documented" => Set::Documented,
            "content" => Set::Content,
            _ => return None,
        };
        let operation = Pattern::parse(columns.next()?).ok()?;
        let severity = columns.next()?.parse().ok()?;
        let condition = optional(columns.next()?).map(str::parse).transpose().ok()?;
        let otherwise = optional(columns.next()?).map(str::parse).transpose().ok()?;
        let techniques = optional(columns.next()?)
            .map(|ids| ids.split(',').collect())
            .unwrap_or_default();
        let reason = columns.next()?;
        Some(Row {
            set,
            operation,
            severity,
            condition,
            otherwise,
            techniques,
            reason,
        })
    }
}

fn optional(column: &'static str) -> Option<&'static str> {
    (column != "-").then_some(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::is_technique;

    #[test]
    fn every_line_is_a_row_with_a_reason() {
        for line in LINES.iter().map(|line| line.text) {
            let row = Row::parse(line).unwrap_or_else(|| panic!("{line}"));
            assert!(!row.reason.is_empty(), "{line}");
            assert!(row.techniques.iter().all(|id| is_technique(id)), "{line}");
            assert!(row.otherwise.is_none() || row.condition.is_some(), "{line}");
        }
    }

    #[test]
    fn every_row_ends_in_a_word() {
        for row in rows() {
            assert!(row.operation.last().is_some(), "{}", row.operation);
        }
    }

    #[test]
    fn no_operation_is_listed_twice_under_one_condition() {
        for (index, row) in rows().enumerate() {
            let twin = rows()
                .take(index)
                .find(|other| other.operation == row.operation && other.condition == row.condition);
            assert!(twin.is_none(), "{}", row.operation);
        }
    }

    #[test]
    fn the_hashes_leave_out_no_row_that_matches() {
        for row in rows() {
            let operation = row
                .operation
                .to_string()
                .to_ascii_lowercase()
                .replace("/*", "/x")
                .replace("*/", "x/");
            let slow: Vec<_> = rows()
                .filter(|row| row.operation.matches(operation.as_bytes()))
                .collect();
            let fast: Vec<_> = matching(operation.as_bytes()).collect();
            assert_eq!(slow.len(), fast.len(), "{operation}");
        }
    }
}
