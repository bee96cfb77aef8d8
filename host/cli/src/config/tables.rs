//! The `[[source]]` tables of a configuration, from its own file and from those that it includes, ready to be read key by key.

use toml::{Table, Value};

use super::defaults::{blame, merge};
use super::fill::fill;
use super::include::Included;
use super::section::{Problems, Section};
use headwater::model::is_source_name;

/// One `[[source]]` with the defaults below it and its name in its values.
#[derive(Debug)]
pub(super) struct SourceTable {
    /// What it is called in problems.
    pub(super) label: String,
    /// The file that it is in; none for the main configuration.
    pub(super) file: Option<String>,
    /// Its place among those of its file, from 1.
    pub(super) number: usize,
    pub(super) table: Table,
    /// What is wrong with it. Of its own, because the mistakes of one tenant are nobody else's.
    pub(super) problems: Problems,
    own: Table,
}

impl SourceTable {
    /// What it is called where its name does not tell it apart from all others.
    pub(super) fn place(&self) -> String {
        match &self.file {
            None => format!("source number {}", self.number),
            Some(file) => format!("source number {} of {file}", self.number),
        }
    }

    /// All problems, each where it is written: in the table, or in `[defaults]`.
    pub(super) fn into_problems(self, defaults: &Table) -> Vec<String> {
        let Self {
            label, own, problems, ..
        } = self;
        let problems = problems.into_inner().into_iter();
        problems
            .map(|problem| blame(problem, &label, &own, defaults))
            .collect()
    }
}

/// All tables, those of the main configuration first.
pub(super) fn gather(root: &Section<'_>, included: &Included, defaults: &Table) -> Vec<SourceTable> {
    let mut all = Vec::new();
    for (index, (label, own)) in root.tables("source").into_iter().enumerate() {
        all.push(prepare(label, None, index + 1, own, defaults));
    }
    for file in &included.files {
        let problems = Problems::default();
        let section = Section::new(&file.table, "", &problems);
        for (index, (label, own)) in section.tables("source").into_iter().enumerate() {
            let label = format!("{}: {label}", file.name);
            all.push(prepare(label, Some(file.name.clone()), index + 1, own, defaults));
        }
    }
    all
}

fn prepare(label: String, file: Option<String>, number: usize, own: &Table, defaults: &Table) -> SourceTable {
    let problems = Problems::default();
    let mut table = own.clone();
    merge(&mut table, defaults);
    // Without a name there is nothing to put in, and that is said where the name is read.
    let name = own
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| is_source_name(name));
    if let Some(name) = name {
        for (key, problem) in fill(&mut table, name) {
            problems.add(&format!("{label}.{key}"), problem);
        }
    }
    SourceTable {
        label,
        file,
        number,
        table,
        problems,
        own: own.clone(),
    }
}

/// The table `[defaults]`; empty when it is missing.
pub(super) fn read_defaults(root: &Section<'_>) -> Table {
    let Some(value) = root.value("defaults") else {
        return Table::new();
    };
    let Some(table) = value.as_table() else {
        root.problem("defaults", "must be a table");
        return Table::new();
    };
    if table.contains_key("name") {
        root.problem("defaults.name", "each source has a name of its own; remove it");
    }
    table.clone()
}
