use super::VERSION;
use crate::facts::Facts;
use crate::json::{Text, Writer};
use crate::labels::Labels;
use crate::record::{Field, LocalizableString, Record};

/// The name of the log, as product and as log.
const LOG: &str = "Azure Activity Log";

/// Writes `metadata`.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, operators: &Labels) {
    let metadata = output.open("metadata");
    output.constant("version", VERSION);
    let product = output.open("product");
    output.constant("name", LOG);
    output.constant("vendor_name", "Microsoft");
    output.close(product);
    output.member_list("profiles", &[b"cloud", b"security_control"]);
    output.member_bytes("uid", facts.id.as_bytes());
    output.member("original_event_uid", record.text(Field::EventDataId));
    output.member("correlation_uid", record.text(Field::CorrelationId));
    output.member("original_time", record.text(Field::EventTimestamp));
    output.maybe_number(
        "logged_time",
        record.submitted().map(|instant| instant / 1_000_000),
    );
    output.constant("log_name", LOG);
    match (record.text(Field::Level), facts.level) {
        (Some(level), _) => output.member("log_level", Some(level)),
        (None, level) => output.member("log_level", level.map(|level| Text::constant(level.name()))),
    }
    output.member("event_code", facts.operation.text);
    output.member("tenant_uid", facts.tenant);
    labels(output, record, facts);
    operators.write_list(output, "tags");
    output.close(metadata);
}

/// What has no attribute of its own.
fn labels(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let category = record
        .label(LocalizableString::CATEGORY)
        .value()
        .map(|text| labelled("category:", &text.decoded()));
    let phase = facts
        .phase
        .map(|phase| labelled("phase:", phase.name().as_bytes()));
    let labels = [category, phase].map(Option::unwrap_or_default);
    output.member_list("labels", &labels.each_ref().map(Vec::as_slice));
}

fn labelled(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), value].concat()
}
