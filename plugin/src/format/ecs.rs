use crate::event::{Field, Record};
use crate::facts::Facts;
use crate::json::Output;
use crate::severity::Severity;
use crate::time;

/// Writes a record as an ECS document.
pub fn write(output: &mut Output, record: &Record<'_>, facts: &Facts<'_>, severity: Severity) {
    let document = output.open_document();
    if let (Some(text), Some(instant)) = (record.text(Field::EventTimestamp), record.time()) {
        output.member_bytes("@timestamp", time::micros(text.raw(), instant).as_bytes());
    }
    let event = output.open("event");
    output.member("action", facts.operation);
    output.member_number("severity", severity.elastic());
    output.member_bytes("original", record.raw());
    output.close(event);
    output.close(document);
}
