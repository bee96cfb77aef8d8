use crate::json::Writer;
use crate::record::Record;

/// Writes the record as received, on one line.
pub fn write(output: &mut Writer, record: &Record<'_>) {
    output.copy(&record.line());
}
