//! Open Cybersecurity Schema Framework: class API Activity for every record, with the profiles cloud and
//! security_control. What the schema requires is always there, also for the poorest record.

mod actor;
mod metadata;

use super::activity;
use super::sentence;
use crate::facts::{Category, Facts, Outcome, Verb, is_guid};
use crate::json::{Text, Writer, bytes};
use crate::labels::Labels;
use crate::record::{Field, LocalizableString, Part, Record};
use crate::severity::{Rating, Severity};

/// The version of OCSF that events follow.
const VERSION: &str = "1.8.0";

/// API Activity, in the category Application Activity.
const CLASS: u64 = 6003;

/// What stands for an actor, an address or a service where a record names none.
const PLATFORM: &[u8] = b"Microsoft Azure";

/// The only methods that the schema allows.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// The version of ATT&CK that technique ids are of.
const ATTACK_VERSION: &str = "20";

/// Writes a record as an OCSF event.
pub fn write(
    output: &mut Writer,
    record: &Record<'_>,
    facts: &Facts<'_>,
    rating: &Rating<'_>,
    labels: &Labels,
) {
    let document = output.open_document();
    class(output, facts);
    output.member_number("time", facts.time / 1_000_000);
    sentence::write(output, record, facts);
    output.member_number("severity_id", rating.severity.ocsf());
    output.constant("severity", severity_caption(rating.severity));
    status(output, record, facts);
    metadata::write(output, record, facts, labels);
    cloud(output, record, facts);
    api(output, record, facts);
    actor::write(output, record, facts);
    http_request(output, record);
    resources(output, facts);
    security_control(output, facts, rating);
    actor::observables(output, facts);
    record.write_line(output, "raw_data");
    let unmapped = output.open("unmapped");
    activity::write_rest(output, record, facts, rating);
    output.close(unmapped);
    output.close(document);
}

fn class(output: &mut Writer, facts: &Facts<'_>) {
    let created = facts.http_status == Some(201);
    let (activity, name, type_name) = match facts.operation.verb {
        Verb::Write if created => (1, "Create", "API Activity: Create"),
        Verb::Read | Verb::Fetch => (2, "Read", "API Activity: Read"),
        Verb::Write => (3, "Update", "API Activity: Update"),
        Verb::Delete => (4, "Delete", "API Activity: Delete"),
        Verb::Act | Verb::Other if facts.operation.text.is_some() => (99, "Other", "API Activity: Other"),
        Verb::Act | Verb::Other => (0, "Unknown", "API Activity: Unknown"),
    };
    output.member_number("activity_id", activity);
    output.constant("activity_name", name);
    output.member_number("category_uid", CLASS / 1000);
    output.constant("category_name", "Application Activity");
    output.member_number("class_uid", CLASS);
    output.constant("class_name", "API Activity");
    output.member_number("type_uid", CLASS * 100 + activity);
    output.constant("type_name", type_name);
}

fn severity_caption(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

fn status(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let id = match facts.outcome {
        Outcome::Success => 1,
        Outcome::Failure => 2,
        Outcome::Unknown => 99,
        Outcome::Absent if facts.status.is_some() => 99,
        Outcome::Absent => 0,
    };
    output.member_number("status_id", id);
    output.member("status", facts.status);
    let code = record.label(LocalizableString::SUB_STATUS).value();
    output.member(
        "status_code",
        code.or(record.text_of(Part::Properties, "statusCode")),
    );
    match &facts.failure.message {
        Some(message) => output.member_bytes("status_detail", message),
        None => output.member("status_detail", record.text(Field::Description)),
    }
}

fn cloud(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let cloud = output.open("cloud");
    output.constant("provider", "Azure");
    let subscription = facts.resource.subscription();
    if !subscription.is_empty() {
        let account = output.open("account");
        output.member_bytes("uid", &subscription);
        output.member_number("type_id", 13);
        output.constant("type", "Azure Subscription");
        output.close(account);
    }
    let location = record.text_of(Part::Properties, "resourceLocation");
    output.member(
        "region",
        location.filter(|text| !bytes::contains(text.raw(), b',')),
    );
    output.close(cloud);
}

fn api(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let api = output.open("api");
    let operation = facts
        .operation
        .text
        .or(record.label(LocalizableString::OPERATION_NAME).localized());
    output.member("operation", operation.or(Some(Text::constant("unknown"))));
    let service = output.open("service");
    output.member_bytes("name", &facts.service());
    output.close(service);
    let request = output.open("request");
    let id = record
        .text_of(Part::HttpRequest, "clientRequestId")
        .or(record.text(Field::OperationId));
    output.member("uid", id);
    output.close(request);
    let response = output.open("response");
    output.maybe_number("code", facts.http_status.map(u64::from));
    output.member_bytes("error", facts.failure.code.as_deref().unwrap_or_default());
    output.member_bytes(
        "error_message",
        facts.failure.message.as_deref().unwrap_or_default(),
    );
    output.close(response);
    output.close(api);
}

fn http_request(output: &mut Writer, record: &Record<'_>) {
    let given = record.text_of(Part::HttpRequest, "method");
    let method = METHODS
        .into_iter()
        .find(|method| given.is_some_and(|given| given.is(method)));
    let request = output.open("http_request");
    output.member_bytes("http_method", method.unwrap_or_default().as_bytes());
    let url = output.open("url");
    output.member("url_string", record.text_of(Part::HttpRequest, "uri"));
    output.close(url);
    output.close(request);
}

fn resources(output: &mut Writer, facts: &Facts<'_>) {
    if facts.resource.id.is_none() {
        return;
    }
    let resources = output.open_array("resources");
    let resource = output.open_element();
    output.member("uid", facts.resource.id);
    output.member_bytes("name", &facts.resource.name());
    output.member("type", facts.resource.kind);
    let group = output.open("group");
    output.member_bytes("name", &facts.resource.group());
    output.close(group);
    output.close(resource);
    output.close_array(resources);
}

/// The profile security_control: what was decided, and what attack it may be part of.
fn security_control(output: &mut Writer, facts: &Facts<'_>, rating: &Rating<'_>) {
    let (action, name): (_, &[u8]) = match facts.outcome {
        _ if facts.denied() => (2, b"Denied"),
        _ if facts.audited() => (3, b"Observed"),
        Outcome::Success => (1, b"Allowed"),
        _ => (0, b"Unknown"),
    };
    output.member_number("action_id", action);
    output.member_bytes("action", name);
    if matches!(facts.category, Category::Alert | Category::Security) {
        output.key("is_alert");
        output.copy(b"true");
    }
    let attacks = output.open_array("attacks");
    for id in rating.techniques.iter() {
        let attack = output.open_element();
        let technique = output.open("technique");
        output.member_bytes("uid", id.split('.').next().unwrap_or(id).as_bytes());
        output.close(technique);
        if id.contains('.') {
            let sub_technique = output.open("sub_technique");
            output.member_bytes("uid", id.as_bytes());
            output.close(sub_technique);
        }
        output.constant("version", ATTACK_VERSION);
        output.close(attack);
    }
    output.close_array(attacks);
    if let Some(policy) = facts.policies.first() {
        let object = output.open("policy");
        output.member_bytes("uid", policy.text("definition_id"));
        output.member_bytes("name", policy.title());
        output.close(object);
    }
}

/// Whether a caller is a service's own name (`Microsoft.Insights/alertRules`) rather than a person or an object id.
fn is_service_name(caller: Text<'_>) -> bool {
    !bytes::contains(caller.raw(), b'@') && !is_guid(caller.raw()) && bytes::contains(caller.raw(), b'.')
}
