//! The documents that Elastic's integration for this log leaves: the same names, casing and types, so that its detection
//! rules and dashboards work on them. What is beside them is ours; `docs/fields-elastic.md` lists both.

mod identity;
mod properties;
mod resource;

use super::ecs;
use super::sentence;
use super::{activity, security};
use crate::facts::{Category, Facts, Outcome, Verb};
use crate::json::{Text, Writer};
use crate::labels::Labels;
use crate::record::{Field, LocalizableString, Part, Record};
use crate::severity::Rating;

/// The data set of the integration, for which its rules ask.
const DATASET: &str = "azure.activitylogs";

/// The version of ECS that the integration names.
const VERSION: &str = "8.11.0";

/// Writes a record as the integration's document.
pub fn write(
    output: &mut Writer,
    record: &Record<'_>,
    facts: &Facts<'_>,
    rating: &Rating<'_>,
    labels: &Labels,
) {
    let document = output.open_document();
    ecs::timestamp(output, record, facts);
    let version = output.open("ecs");
    output.constant("version", VERSION);
    output.close(version);
    ecs::data_stream(output, DATASET);
    labels.write(output, "labels");
    match record.text_of(Part::Properties, "statusMessage") {
        Some(message) => output.member("message", Some(message)),
        None => sentence::write(output, record, facts),
    }
    ecs::log(output, record, facts);
    event(output, record, facts, rating);
    ecs::cloud(output, record, facts);
    let address = facts.client.or(facts.token_client());
    for name in ["source", "client"] {
        let place = output.open(name);
        match address {
            Some(address) if address.is_ip => output.member_bytes("ip", &address.text),
            // As the integration, which has no other place for it.
            Some(address) if name == "source" => output.member_bytes("address", &address.text),
            _ => {}
        }
        output.close(place);
    }
    identity::user(output, facts);
    let id = resource::id(facts);
    related(output, facts, &id);
    ecs::threat(output, record, facts, rating);
    if facts.category == Category::Security {
        let host = output.open("host");
        output.member("name", security::host(record));
        output.close(host);
    }
    azure(output, record, facts, rating, &id);
    output.close(document);
}

#[inline(never)]
fn event(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    let event = output.open("event");
    output.member_bytes("id", facts.id.as_bytes());
    output.constant("kind", "event");
    output.constant("module", "azure");
    output.constant("dataset", DATASET);
    output.member_bytes("action", &facts.operation.lower.to_ascii_uppercase());
    let kind: &[u8] = match facts.operation.verb {
        Verb::Write | Verb::Act => b"change",
        Verb::Delete => b"deletion",
        Verb::Read | Verb::Fetch => b"access",
        Verb::Other => b"",
    };
    output.member_list("type", &[kind]);
    match facts.outcome {
        Outcome::Success => output.constant("outcome", "success"),
        Outcome::Failure => output.constant("outcome", "failure"),
        Outcome::Unknown | Outcome::Absent => {}
    }
    output.member_number("severity", rating.severity.elastic());
    ecs::created(output, record);
    ecs::reason(output, record, facts);
    record.write_line(output, "original");
    output.close(event);
}

#[inline(never)]
fn related(output: &mut Writer, facts: &Facts<'_>, id: &[u8]) {
    let related = output.open("related");
    let addresses =
        [facts.client, facts.token_client()].map(|address| address.filter(|address| address.is_ip));
    output.member_list(
        "ip",
        &addresses.map(|address| address.map_or(&[][..], |address| &address.text)),
    );
    let principal = &facts.principal;
    let users = [principal.name(), principal.email(), principal.object_id()];
    let users = users.map(|user| user.map(Text::decoded).unwrap_or_default());
    output.member_list("user", &users.each_ref().map(|user| &**user));
    output.member_list("entity", &[id, &identity::principal_id(facts)]);
    output.close(related);
}

#[inline(never)]
fn azure(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>, id: &[u8]) {
    let azure = output.open("azure");
    output.member("correlation_id", record.text(Field::CorrelationId));
    output.member_bytes("subscription_id", &facts.resource.subscription());
    output.member("tenant_id", facts.tenant);
    resource::write(output, id);
    let logs = output.open("activitylogs");
    output.member("category", record.label(LocalizableString::CATEGORY).value());
    output.constant("event_category", facts.category.name());
    output.member_bytes("operation_name", &facts.operation.lower.to_ascii_uppercase());
    result(output, record, facts);
    output.member("tenant_id", facts.tenant);
    // One of the integration's rules counts this one, which the integration itself does not fill.
    let resource = output.open("resource");
    output.member_bytes("id", id);
    output.close(resource);
    identity::write(output, record, facts);
    properties::write(output, record);
    output.close(logs);
    let ours = output.open("activity_logs");
    activity::write_beside(output, facts, rating);
    output.close(ours);
    output.close(azure);
}

/// The status in the words of the Event Hub, which the integration reads from.
#[inline(never)]
fn result(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let Some(status) = facts.status else { return };
    const WORDS: [(&str, &str); 4] = [
        ("Succeeded", "Success"),
        ("Started", "Start"),
        ("Accepted", "Accept"),
        ("Failed", "Failure"),
    ];
    match WORDS.iter().find(|(ours, _)| status.is(ours)) {
        Some((_, word)) => output.constant("result_type", word),
        None => output.member("result_type", Some(status)),
    }
    let mut signature = status.decoded().into_owned();
    signature.push(b'.');
    let detail = record.label(LocalizableString::SUB_STATUS).value();
    signature.extend_from_slice(&detail.map(Text::decoded).unwrap_or_default());
    output.member_bytes("result_signature", &signature);
}
