use crate::facts::Facts;
use crate::json::{Text, Writer};
use crate::record::{Field, LocalizableString, Record};
use crate::severity::Severity;

/// The title of a record without an operation, as in the reference system.
const UNTITLED: Text<'_> = Text::constant("Azure Activity Log Event");

/// Writes a record in the envelope of AiSOC: exactly these 13 keys, always present. There is no room for the reason of
/// the rating.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, severity: Severity) {
    let document = output.open_document();
    output.constant("source", "azure_activity");
    output.member_bytes("external_id", facts.id.as_bytes());
    output.constant("category", "cloud");
    output.member("title", facts.operation.text.or(Some(UNTITLED)));
    description(output, record, facts);
    output.constant("severity", severity.name());
    let caller = facts.principal.name();
    text_or_empty(output, "actor", caller);
    text_or_null(output, "actor_email", facts.principal.email());
    event_type(output, facts);
    text_or_empty(output, "resource", facts.resource.id);
    text_or_empty(output, "resource_id", facts.resource.id);
    output.key("raw_event");
    output.copy(&record.line());
    text_or_null(output, "created_at", record.text(Field::EventTimestamp));
    output.close(document);
}

fn description(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    output.key("description");
    output.byte(b'"');
    let sub_status = record.label(LocalizableString::SUB_STATUS).value();
    let parts = [
        ("status=", facts.status),
        ("; subStatus=", sub_status),
        ("; resource=", facts.resource.id),
    ];
    for (name, text) in parts {
        output.copy(name.as_bytes());
        if let Some(text) = text {
            output.text_inside(text);
        }
    }
    output.byte(b'"');
}

fn event_type(output: &mut Writer, facts: &Facts<'_>) {
    let operation = facts.operation.lower.as_slice();
    output.key("event_type");
    output.copy(b"\"azure.activity.");
    output.escaped(if operation.is_empty() {
        b"unknown"
    } else {
        operation
    });
    output.byte(b'"');
}

fn text_or_empty(output: &mut Writer, name: &'static str, text: Option<Text<'_>>) {
    output.member(name, text.or(Some(Text::constant(""))));
}

fn text_or_null(output: &mut Writer, name: &'static str, text: Option<Text<'_>>) {
    output.key(name);
    match text {
        Some(text) => output.text(text),
        None => output.copy(b"null"),
    }
}
