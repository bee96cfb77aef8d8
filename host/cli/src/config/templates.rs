//! Tables whose values may be secrets kept elsewhere, read out of a section.

use headwater::secret::Template;

use super::places::Places;
use super::section::Section;
use super::written::{Problem, Written};

/// A table as it stands there; empty when it is missing.
pub(super) fn read_table(section: &Section<'_>, key: &'static str) -> toml::Table {
    let table = section.value(key).map(|value| value.as_table().cloned());
    table
        .unwrap_or_else(|| Some(toml::Table::new()))
        .unwrap_or_else(|| {
            section.problem(key, "must be a table");
            toml::Table::new()
        })
}

/// What a sink fills in at each use. Its secrets never reach a source, so there is nothing to bind.
pub(super) fn make_template(
    section: &Section<'_>,
    key: &'static str,
    table: &toml::Table,
    places: &Places<'_>,
) -> Template {
    let made = Written::new(table, key, places).and_then(|written| written.template(key));
    let template: Template = made.unwrap_or_else(|found| note(section, found));
    for (path, _) in template.bindings() {
        let path = path.strip_prefix("sink.").unwrap_or(path);
        section.problem(
            &format!("{path}.bound_to"),
            "is for secrets in `source.config`; remove it, a source never sees those of its sink",
        );
    }
    template
}

/// Notes problems, and stands in for what has them.
pub(super) fn note<T: Default>(section: &Section<'_>, found: Vec<Problem>) -> T {
    for (key, problem) in found {
        section.problem(&key, problem);
    }
    T::default()
}
