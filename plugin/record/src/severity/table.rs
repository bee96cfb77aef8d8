use std::sync::LazyLock;

use super::Severity;
use super::condition::Condition;
use crate::json::bytes;
use crate::pattern::Pattern;

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

/// The table.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    /// A hash for each row, of the ends of its pattern: most rows need no closer look.
    ends: Vec<u64>,
}

impl Table {
    /// The built-in table, read once.
    pub fn built_in() -> &'static Table {
        static BUILT_IN: LazyLock<Table> = LazyLock::new(Table::read);
        &BUILT_IN
    }

    /// Rows that cannot be read are left out; a test sees to it that there are none.
    fn read() -> Self {
        let rows: Vec<Row> = OPERATIONS.lines().skip(1).filter_map(Row::parse).collect();
        let ends = |row: &Row| hash_of_ends(row.operation.first(), row.operation.last());
        let ends = rows.iter().map(ends).collect();
        Table { rows, ends }
    }

    /// The rows in their order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows whose pattern matches `operation`, which is in lower case, in their order.
    pub fn matching(&self, operation: &[u8]) -> impl Iterator<Item = &Row> {
        let first = bytes::find(b'/', operation).map_or(operation, |slash| &operation[..slash]);
        let last = bytes::find_last(b'/', operation).map_or(operation, |slash| &operation[slash + 1..]);
        let hashes = [Some(first), None].map(|first| hash_of_ends(first, Some(last)));
        let rows = self.ends.iter().zip(&self.rows);
        rows.filter(move |(ends, _)| hashes.contains(ends))
            .map(|(_, row)| row)
            .filter(|row| row.operation.matches(operation))
    }
}

/// One hash for the first and the last word of a pattern. All patterns end in a word, see `every_row_ends_in_a_word`.
fn hash_of_ends(first: Option<&[u8]>, last: Option<&[u8]>) -> u64 {
    let hash = |word: Option<&[u8]>| word.map_or(0, bytes::hash);
    hash(first).rotate_left(1) ^ hash(last)
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
        for (index, row) in table.rows().iter().enumerate() {
            let twin = table.rows()[..index]
                .iter()
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
                .iter()
                .filter(|row| row.operation.matches(operation.as_bytes()))
                .collect();
            let fast: Vec<_> = table.matching(operation.as_bytes()).collect();
            assert_eq!(slow.len(), fast.len(), "{operation}");
        }
    }
}
