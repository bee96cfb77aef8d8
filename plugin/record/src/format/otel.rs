//! A record of the OpenTelemetry log data model: the event `azure.resource.log` of the semantic conventions, with the
//! attributes that they have for Azure, the cloud, the client and the user. The names around it are those under which
//! OpenTelemetry's log records are kept in Elasticsearch; an OTLP sink sends them as what they are.

use super::activity;
use super::ecs;
use super::map::write_texts;
use super::sentence;
use crate::facts::{Assignee, Facts, Kind, Outcome};
use crate::json::{Text, Writer, bytes};
use crate::labels::Labels;
use crate::record::{Field, LocalizableString, Part, Record};
use crate::severity::Rating;

/// The event that the conventions have for what Azure logs of a resource.
const EVENT: &str = "azure.resource.log";

/// The conventions that the names are of.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

/// Writes a record as a log record.
pub fn write(
    output: &mut Writer,
    record: &Record<'_>,
    facts: &Facts<'_>,
    rating: &Rating<'_>,
    labels: &Labels,
) {
    let document = output.open_document();
    ecs::timestamp(output, record, facts);
    output.constant("event_name", EVENT);
    output.member_number("severity_number", rating.severity.open_telemetry().into());
    output.constant("severity_text", rating.severity.name());
    resource(output, facts, labels);
    let scope = output.open("scope");
    output.constant("name", "azure-activity");
    output.constant("version", env!("CARGO_PKG_VERSION"));
    output.constant("schema_url", SCHEMA);
    output.close(scope);
    let attributes = output.open("attributes");
    azure(output, record, facts);
    http(output, record, facts);
    user(output, facts);
    ours(output, record, facts, rating);
    record.write_line(output, "log.record.original");
    output.close(attributes);
    body(output, record, facts);
    output.close(document);
}

/// What all records of a stream share.
fn resource(output: &mut Writer, facts: &Facts<'_>, labels: &Labels) {
    let resource = output.open("resource");
    let attributes = output.open("attributes");
    output.constant("cloud.provider", "azure");
    output.member_bytes("cloud.account.id", &facts.resource.subscription());
    output.member("azure.tenant.id", facts.tenant);
    labels.write(output, "labels");
    output.close(attributes);
    output.close(resource);
}

/// What the conventions, and the collectors that read this log from an Event Hub, have names for.
fn azure(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    output.member("cloud.resource_id", facts.resource.id);
    let location = record.text_of(Part::Properties, "resourceLocation");
    output.member(
        "cloud.region",
        location.filter(|text| !bytes::contains(text.raw(), b',')),
    );
    output.member_bytes("azure.resource_group.name", &facts.resource.group());
    output.member_bytes("azure.resource_provider.namespace", &facts.service());
    output.member(
        "azure.service.request.id",
        record.text_of(Part::Properties, "serviceRequestId"),
    );
    output.constant("azure.category", facts.category.name());
    output.member("azure.correlation_id", record.text(Field::CorrelationId));
    output.member("azure.operation.name", facts.operation.text);
    result(
        output,
        record,
        facts,
        [
            "azure.result.type",
            "azure.result.signature",
            "azure.result.description",
        ],
    );
}

/// How it went: as the service says, and in its words.
#[inline(never)]
fn result(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, names: [&'static str; 3]) {
    output.member(names[0], facts.status);
    output.member(names[1], record.label(LocalizableString::SUB_STATUS).value());
    match &facts.failure.message {
        Some(message) => output.member_bytes(names[2], message),
        None => output.member(names[2], record.text(Field::Description)),
    }
}

fn http(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    if let Some(address) = facts.client.or(facts.token_client()) {
        output.member_bytes("client.address", &address.text);
    }
    output.member("http.request.method", record.text_of(Part::HttpRequest, "method"));
    output.member("url.full", record.text_of(Part::HttpRequest, "uri"));
    output.maybe_number("http.response.status_code", facts.http_status.map(u64::from));
    output.member_bytes("error.type", facts.failure.code.as_deref().unwrap_or_default());
}

fn user(output: &mut Writer, facts: &Facts<'_>) {
    let principal = &facts.principal;
    let is_person = principal.kind() == Kind::User;
    output.member("enduser.id", principal.name().filter(|_| is_person));
    output.member("user.id", principal.object_id());
    output.member("user.name", principal.name());
    output.member("user.email", principal.email());
    output.member("user.full_name", principal.full_name());
}

/// What the conventions have no name for.
fn ours(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    output.member_bytes("azure.activity_log.id", facts.id.as_bytes());
    output.constant("azure.activity_log.mapping_version", super::MAPPING_VERSION);
    sentence::write_as(output, "azure.activity_log.message", record, facts);
    output.member("azure.activity_log.operation_id", record.text(Field::OperationId));
    output.member_bytes("azure.activity_log.operation", &facts.operation.lower);
    output.member(
        "azure.activity_log.event_name",
        record.label(LocalizableString::EVENT_NAME).value(),
    );
    output.member(
        "azure.activity_log.phase",
        facts.phase.map(|phase| Text::constant(phase.name())),
    );
    match facts.outcome {
        Outcome::Success => output.constant("azure.activity_log.outcome", "success"),
        Outcome::Failure => output.constant("azure.activity_log.outcome", "failure"),
        Outcome::Unknown => output.constant("azure.activity_log.outcome", "unknown"),
        Outcome::Absent => {}
    }
    output.member("azure.activity_log.level", record.text(Field::Level));
    output.member("azure.activity_log.resource_type", facts.resource.kind);
    output.constant("azure.activity_log.identity_type", facts.principal.kind().name());
    output.member("azure.activity_log.app_id", facts.principal.claims.app_id);
    output.member_bytes("azure.activity_log.severity.rule", rating.rule.as_bytes());
    output.member_bytes("azure.activity_log.severity.reason", rating.reason.as_bytes());
    let techniques: Vec<&[u8]> = rating.techniques.iter().map(str::as_bytes).collect();
    output.member_list("azure.activity_log.techniques", &techniques);
    if let Some(role) = &facts.role {
        output.member_bytes("azure.activity_log.role.id", &bytes::lower(&role.id));
        output.member_bytes("azure.activity_log.role.name", role.name());
        output.constant("azure.activity_log.role.change", role.change.name());
        let Assignee {
            id,
            name,
            email,
            kind,
        } = &role.principal;
        for (key, text) in [
            ("azure.activity_log.role.principal.id", id),
            ("azure.activity_log.role.principal.name", name),
            ("azure.activity_log.role.principal.email", email),
            ("azure.activity_log.role.principal.type", kind),
        ] {
            output.member_bytes(key, text.as_deref().unwrap_or_default());
        }
    }
}

/// The body that the conventions give the event.
fn body(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let body = output.open("body");
    output.constant("category", facts.category.name());
    output.member("correlation.id", record.text(Field::CorrelationId));
    output.member("operation.name", facts.operation.text);
    result(
        output,
        record,
        facts,
        ["result.type", "result.signature", "result.description"],
    );
    output.member("tenant.id", facts.tenant);
    let identity = output.open("identity");
    activity::authorization(output, record);
    output.repeat(record.part_bytes(Part::Claims), |output| {
        write_texts(output, "claims", record.part_members(Part::Claims));
    });
    output.close(identity);
    write_texts(output, "properties", record.part_members(Part::Properties));
    output.close(body);
}
