//! What a record means, apart from any output format: derived once, used by rules, severity and every writer.

mod category;
mod level;
mod status;

pub use category::Category;
pub use level::Level;
pub use status::{Outcome, same_word};

use crate::event::{Field, Label, Part, Record};
use crate::json::Text;

/// What is derived from one record.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The kind of record.
    pub category: Category,
    /// The operation in its own letter case.
    pub operation: Option<Text<'a>>,
    /// The operation in lower case, for matching; empty if there is none.
    pub operation_lower: String,
    /// How serious Azure says it is.
    pub level: Option<Level>,
    /// The status as given.
    pub status: Option<Text<'a>>,
    /// What the status means.
    pub outcome: Outcome,
}

impl<'a> Facts<'a> {
    /// Derives them.
    pub fn of(record: &Record<'a>) -> Self {
        let operation = record
            .label(Label::OPERATION_NAME)
            .value()
            .or_else(|| record.text_of(Part::Authorization, "action"));
        let status = record.label(Label::STATUS).value();
        Facts {
            category: Category::of(record.label(Label::CATEGORY).value()),
            operation,
            operation_lower: operation
                .map(|text| text.to_str().to_ascii_lowercase())
                .unwrap_or_default(),
            level: Level::of(record.value(Field::Level)),
            status,
            outcome: Outcome::of(status),
        }
    }
}
