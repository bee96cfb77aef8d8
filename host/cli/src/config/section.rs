//! Reading a TOML table key by key, collecting every problem on the way.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use toml::{Table, Value};

use super::nearest::nearest;
use super::unit::{parse_duration, parse_percent, parse_size};

/// What is wrong with a configuration: all of it, not the first finding.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<String>>);

impl Problems {
    /// Notes a problem with the key at `path`.
    pub(super) fn add(&self, path: &str, problem: impl fmt::Display) {
        self.0.borrow_mut().push(format!("{path}: {problem}"));
    }

    /// Whether there are none so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All problems, in the order of the file.
    pub(super) fn into_inner(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// One table of the file. Whatever is not asked for by the time `finish` is called is an unknown key.
#[derive(Debug)]
pub(super) struct Section<'a> {
    table: &'a Table,
    path: String,
    problems: &'a Problems,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The section for `table`, whose place in the file is `path` (empty for the file itself).
    pub(super) fn new(table: &'a Table, path: impl Into<String>, problems: &'a Problems) -> Self {
        Self {
            table,
            path: path.into(),
            problems,
            asked: RefCell::default(),
        }
    }

    /// The full name of one of this section's keys.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a problem with `key`.
    pub(super) fn problem(&self, key: &str, problem: impl fmt::Display) {
        self.problems.add(&self.path_of(key), problem);
    }

    /// The raw value of `key`.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    /// A text, or none.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.typed(key, "text (a string in quotes)", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// A text that must be there; an empty text stands in for a missing one, whose absence has been noted.
    pub(super) fn required_text(&self, key: &'static str, example: &str) -> String {
        if !self.table.contains_key(key) {
            self.problem(
                key,
                format_args!("missing; write for example {key} = \"{example}\""),
            );
        }
        self.text(key).unwrap_or_default()
    }

    /// `true` or `false`, or none.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A whole number within `range`, or none.
    pub(super) fn number(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let number = self.typed(key, "a whole number", Value::as_integer)?;
        if !range.contains(&number) {
            let (low, high) = range.into_inner();
            self.problem(
                key,
                format_args!("{number} is out of range; allowed is {low} to {high}"),
            );
            return None;
        }
        Some(number)
    }

    /// A duration such as `300s`, or none.
    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, parse_duration)
    }

    /// A share such as `20%`, or none.
    pub(super) fn percent(&self, key: &'static str) -> Option<u32> {
        self.parsed(key, parse_percent)
    }

    /// A size such as `64MiB`, or none.
    pub(super) fn size(&self, key: &'static str) -> Option<u64> {
        self.parsed(key, parse_size)
    }

    /// A list of texts; empty when it is missing.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.typed(
            key,
            "a list of strings, for example [\"one\", \"two\"]",
            |value| {
                value
                    .as_array()?
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect()
            },
        )
        .unwrap_or_default()
    }

    /// A table below this one, or none.
    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let table = self.value(key)?.as_table();
        if table.is_none() {
            self.problem(key, "must be a table");
        }
        table.map(|table| Section::new(table, self.path_of(key), self.problems))
    }

    /// All tables below this one, with their names: for a table whose keys are names of the operator's.
    pub(super) fn subtables(&self) -> Vec<(String, Section<'a>)> {
        let mut sections = Vec::new();
        for (name, value) in self.table {
            match value.as_table() {
                Some(table) => sections.push((
                    name.clone(),
                    Section::new(table, self.path_of(name), self.problems),
                )),
                None => self.problem(name, "must be a table"),
            }
        }
        sections
    }

    /// The tables of a `[[key]]` list, each with what to call it; empty when it is missing.
    pub(super) fn tables(&self, key: &'static str) -> Vec<(String, &'a Table)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let tables: Option<Vec<&Table>> = value
            .as_array()
            .and_then(|items| items.iter().map(Value::as_table).collect());
        let Some(tables) = tables else {
            self.problem(
                key,
                format_args!("must be a list of tables; write [[{key}]] above each"),
            );
            return Vec::new();
        };
        let label = |table: &Table, index: usize| match table.get("name").and_then(Value::as_str) {
            Some(name) => format!("{key} \"{name}\""),
            None => format!("{key} number {}", index + 1),
        };
        tables
            .into_iter()
            .enumerate()
            .map(|(index, table)| (label(table, index), table))
            .collect()
    }

    /// Notes every key of the table that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|key| !asked.contains(&key.as_str())) {
            match nearest(key, asked.iter().copied()) {
                Some(near) => self.problem(key, format_args!("unknown key; did you mean `{near}`?")),
                None => self.problem(key, format_args!("unknown key; known here: {}", asked.join(", "))),
            }
        }
    }

    fn typed<T>(&self, key: &'static str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value);
        if read.is_none() {
            self.problem(key, format_args!("must be {wanted}, not {}", value.type_str()));
        }
        read
    }

    fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|problem| self.problem(key, problem)).ok()
    }
}
