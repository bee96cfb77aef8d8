use std::borrow::Cow;

use crate::json::{Embedded, Text};
use crate::record::{Part, Record};

/// Why an operation failed, as far as the record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure<'a> {
    /// A word for machines, for example `AuthorizationFailed`.
    pub code: Option<Cow<'a, [u8]>>,
    /// A sentence for people.
    pub message: Option<Cow<'a, [u8]>>,
}

impl<'a> Failure<'a> {
    /// Reads it from `properties.statusMessage`, which is JSON text (an error object, possibly wrapped) or a plain
    /// sentence; else from `properties.statusCode`.
    pub fn of(record: &Record<'a>) -> Self {
        let property = |name| record.text_of(Part::Properties, name);
        let [code, message] = match property("statusMessage") {
            Some(text) if text.raw().starts_with(b"{") => {
                Embedded::new(text).first_texts(["code", "message"])
            }
            text => [None, text.map(Text::decoded)],
        };
        Failure {
            code: code.or_else(|| property("statusCode").map(Text::decoded)),
            message,
        }
    }
}
