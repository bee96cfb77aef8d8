use crate::event::{Part, Record};
use crate::json::{Pairs, Shape, Text};

/// Why an operation failed, as far as the record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// A word for machines, for example `AuthorizationFailed`.
    pub code: Option<Vec<u8>>,
    /// A sentence for people.
    pub message: Option<Vec<u8>>,
}

impl Failure {
    /// Reads it from `properties.statusMessage`, which is JSON text (an error object, possibly wrapped) or a plain
    /// sentence; else from `properties.statusCode`.
    pub fn of(record: &Record<'_>) -> Self {
        let mut failure = Failure::default();
        if let Some(text) = record.text_of(Part::Properties, "statusMessage") {
            failure.read(&text.decoded());
        }
        if failure.code.is_none() {
            failure.code = record.text_of(Part::Properties, "statusCode").map(owned);
        }
        failure
    }

    fn read(&mut self, text: &[u8]) {
        if !text.starts_with(b"{") {
            self.message = Some(text.to_vec());
            return;
        }
        for (key, value) in Pairs::new(text) {
            let slot = match value.shape() {
                Shape::Text(_) if key.is("code") => &mut self.code,
                Shape::Text(_) if key.is("message") => &mut self.message,
                _ => continue,
            };
            if slot.is_none() {
                *slot = value.text().map(owned);
            }
        }
    }
}

fn owned(text: Text<'_>) -> Vec<u8> {
    text.decoded().into_owned()
}
