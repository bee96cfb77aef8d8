use crate::event::Record;
use crate::json::Output;

/// Writes the record as received, on one line.
pub fn write(output: &mut Output, record: &Record<'_>) {
    output.copy(&record.line());
}
