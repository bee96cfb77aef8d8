//! One log line.

use std::fmt::{self, Write};

use tracing::Level;
use tracing::field::{Field, Visit};

/// A log line. Secrets of sources are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// How serious it is.
    pub level: Level,
    /// The source that it is about; empty if it is about none.
    pub source: &'a str,
    /// The partition that it is about; empty if it is about none.
    pub partition: &'a str,
    /// What it says: a sentence, and after it `key=value` for each further field.
    pub text: &'a str,
}

/// Puts the text of a line together.
#[derive(Debug, Default)]
pub(crate) struct Text {
    message: String,
    fields: String,
    source: Option<String>,
    partition: Option<String>,
}

impl Text {
    /// The text.
    pub(crate) fn finish(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }

    /// The source and the partition that the line itself names.
    pub(crate) fn names(&self) -> (Option<String>, Option<String>) {
        (self.source.clone(), self.partition.clone())
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "source" => self.source = Some(value.to_owned()),
            "partition" => self.partition = Some(value.to_owned()),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
