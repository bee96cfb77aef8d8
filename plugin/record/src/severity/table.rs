use std::sync::OnceLock;

use super::Severity;
use super::condition::Condition;
use crate::json::bytes;
use crate::pattern::{Pattern, first_segment, last_segment};

/// The built-in table: tab-separated, the first line names the columns.
const OPERATIONS: &str = include_str!("operations.tsv");

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

/// The table. Every poll has an instance of its own, most polls bring a few operations, and each operation has a few rows:
/// only these are read.
#[derive(Debug)]
pub struct Table {
    lines: Vec<Line>,
}

/// A line of the table.
#[derive(Debug)]
struct Line {
    text: &'static str,
    /// A hash of the ends of its pattern: most lines need no closer look.
    ends: u64,
    row: OnceLock<Option<Box<Row>>>,
}

impl Table {
    /// The built-in table.
    pub fn built_in() -> &'static Table {
        static BUILT_IN: OnceLock<Table> = OnceLock::new();
        BUILT_IN.get_or_init(|| Table {
            lines: OPERATIONS.lines().skip(1).map(Line::new).collect(),
        })
    }

    /// The rows in their order. What cannot be read is left out; a test sees to it that there is none.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.lines.iter().filter_map(Line::row)
    }

    /// The rows whose pattern matches `operation`, which is in lower case, in their order.
    pub fn matching(&self, operation: &[u8]) -> impl Iterator<Item = &Row> {
        let (first, last) = ends(operation);
        let hashes = [hash_of_ends(first, last), hash_of_ends(ANY, last)];
        let lines = self.lines.iter();
        lines
            .filter(move |line| hashes.contains(&line.ends))
            .filter_map(Line::row)
            .filter(|row| row.operation.matches(operation))
    }
}

impl Line {
    fn new(text: &'static str) -> Self {
        let pattern = text.split('\t').nth(1).unwrap_or_default();
        let (first, last) = ends(pattern.as_bytes());
        Line {
            text,
            ends: hash_of_ends(first, last),
            row: OnceLock::new(),
        }
    }

    fn row(&self) -> Option<&Row> {
        let read = || Row::parse(self.text).map(Box::new);
        self.row.get_or_init(read).as_deref()
    }
}

/// The first segment of a pattern that begins anywhere.
const ANY: &[u8] = b"*";

/// The first and the last segment.
fn ends(path: &[u8]) -> (&[u8], &[u8]) {
    (first_segment(path).0, last_segment(path).1)
}

/// One hash for the first and the last segment of a pattern. The last of every one is a word, see
/// `every_row_ends_in_a_word`.
fn hash_of_ends(first: &[u8], last: &[u8]) -> u64 {
    bytes::hash_letters(first).rotate_left(1) ^ bytes::hash_letters(last)
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
        for line in OPERATIONS.lines().skip(1) {
            let row = Row::parse(line).unwrap_or_else(|| panic!("{line}"));
            assert!(!row.reason.is_empty(), "{line}");
            assert!(row.techniques.iter().all(|id| is_technique(id)), "{line}");
            assert!(row.otherwise.is_none() || row.condition.is_some(), "{line}");
        }
    }

    #[test]
    fn every_row_ends_in_a_word() {
        for row in Table::built_in().rows() {
            assert!(row.operation.last().is_some(), "{}", row.operation);
        }
    }

    #[test]
    fn no_operation_is_listed_twice_under_one_condition() {
        let table = Table::built_in();
        for (index, row) in table.rows().enumerate() {
            let twin = table
                .rows()
                .take(index)
                .find(|other| other.operation == row.operation && other.condition == row.condition);
            assert!(twin.is_none(), "{}", row.operation);
        }
    }

    #[test]
    fn the_hashes_leave_out_no_row_that_matches() {
        let table = Table::built_in();
        for row in table.rows() {
            let operation = row
                .operation
                .to_string()
                .to_ascii_lowercase()
                .replace("/*", "/x")
                .replace("*/", "x/");
            let slow: Vec<_> = table
                .rows()
                .filter(|row| row.operation.matches(operation.as_bytes()))
                .collect();
            let fast: Vec<_> = table.matching(operation.as_bytes()).collect();
            assert_eq!(slow.len(), fast.len(), "{operation}");
        }
    }
}
