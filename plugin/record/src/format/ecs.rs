//! Elastic Common Schema. The base is the field table of Sekoia's parser for this log; what is added and where it
//! deviates is in `docs/fields-ecs.md` and `docs/deviations.md`.

mod category;
mod people;
mod place;

use super::activity;
use super::security;
use super::sentence;
use crate::facts::{Category, Facts, Outcome};
use crate::json::{Text, Writer, bytes};
use crate::labels::Labels;
use crate::record::{Address, Field, LocalizableString, Part, Record};
use crate::severity::Rating;
use crate::time;

/// The version of ECS: the latest release. Every field used here also exists in 8.x.
const VERSION: &str = "9.5.0";

/// What events of this format call their data set: ECS wants the module's name before it. Theirs, not the one of Elastic's
/// integration, whose fields are others.
const DATASET: &str = "azure.activity_logs";

/// Writes a record as an ECS document.
pub fn write(
    output: &mut Writer,
    record: &Record<'_>,
    facts: &Facts<'_>,
    rating: &Rating<'_>,
    labels: &Labels,
) {
    let document = output.open_document();
    timestamp(output, record, facts);
    version(output);
    data_stream(output, DATASET);
    labels.write(output, "labels");
    sentence::write(output, record, facts);
    log(output, record, facts);
    event(output, record, facts, rating);
    error(output, facts);
    cloud(output, record, facts);
    people::write(output, record, facts);
    http(output, record, facts);
    process(output, record, facts);
    rule(output, record, facts);
    threat(output, record, facts, rating);
    place::write(output, record, facts);
    people::related(output, record, facts);
    let azure = output.open("azure");
    let logs = output.open("activity_logs");
    activity::write(output, record, facts, rating);
    output.close(logs);
    output.close(azure);
    output.close(document);
}

/// Writes `@timestamp`.
pub fn timestamp(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let given = record
        .given_time()
        .and(record.text(Field::EventTimestamp))
        .map(Text::raw);
    time::member(output, "@timestamp", given, facts.time);
}

fn version(output: &mut Writer) {
    let ecs = output.open("ecs");
    output.constant("version", VERSION);
    output.close(ecs);
}

/// Writes `data_stream`. The namespace is the receiver's matter.
pub fn data_stream(output: &mut Writer, dataset: &'static str) {
    let data_stream = output.open("data_stream");
    output.constant("type", "logs");
    output.constant("dataset", dataset);
    output.close(data_stream);
}

/// Writes `log`.
#[inline(never)]
pub fn log(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let log = output.open("log");
    match (record.text(Field::Level), facts.level) {
        // A number, as number or as text, becomes the name it stands for.
        (Some(text), _) if !text.raw().iter().all(u8::is_ascii_digit) => output.member("level", Some(text)),
        (_, Some(level)) => output.constant("level", level.name()),
        (text, None) => output.member("level", text),
    }
    output.close(log);
}

fn event(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    let event = output.open("event");
    output.member_bytes("id", facts.id.as_bytes());
    let alert = matches!(facts.category, Category::Alert | Category::Security);
    output.constant("kind", if alert { "alert" } else { "event" });
    output.constant("module", "azure");
    output.member("action", facts.operation.text);
    output.member(
        "provider",
        record.label(LocalizableString::RESOURCE_PROVIDER).value(),
    );
    output.constant("dataset", DATASET);
    category::write(output, facts);
    match facts.outcome {
        Outcome::Success => output.constant("outcome", "success"),
        Outcome::Failure => output.constant("outcome", "failure"),
        Outcome::Unknown => output.constant("outcome", "unknown"),
        Outcome::Absent => {}
    }
    output.member_number("severity", rating.severity.elastic());
    created(output, record);
    reason(output, record, facts);
    record.write_line(output, "original");
    output.close(event);
}

/// Writes `created`: when the record became readable.
pub fn created(output: &mut Writer, record: &Record<'_>) {
    let submitted = record.text(Field::SubmissionTimestamp).map(Text::raw);
    if let Some(instant) = record.submitted() {
        time::member(output, "created", submitted, instant);
    }
}

/// Writes `reason`: the description; if there is none, the nearest thing.
pub fn reason(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    if let Some(description) = record.text(Field::Description) {
        output.member("reason", Some(description));
    } else if let Some(message) = &facts.failure.message {
        output.member_bytes("reason", message);
    } else {
        let property = |name| record.text_of(Part::Properties, name);
        output.member("reason", property("details").or_else(|| property("title")));
    }
}

fn error(output: &mut Writer, facts: &Facts<'_>) {
    let error = output.open("error");
    output.member_bytes("code", facts.failure.code.as_deref().unwrap_or_default());
    output.member_bytes("message", facts.failure.message.as_deref().unwrap_or_default());
    output.close(error);
}

/// Writes `cloud` and `organization`.
#[inline(never)]
pub fn cloud(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let cloud = output.open("cloud");
    output.constant("provider", "azure");
    let account = output.open("account");
    output.member_bytes("id", &facts.resource.subscription());
    output.close(account);
    let location = record.text_of(Part::Properties, "resourceLocation");
    output.member(
        "region",
        location.filter(|text| !bytes::contains(text.raw(), b',')),
    );
    let service = output.open("service");
    output.member_bytes("name", &facts.service());
    output.close(service);
    output.close(cloud);
    let organization = output.open("organization");
    output.member("id", facts.tenant);
    output.close(organization);
}

#[inline(never)]
fn http(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let request = |name| record.text_of(Part::HttpRequest, name);
    let http = output.open("http");
    let part = output.open("request");
    output.member("id", request("clientRequestId"));
    output.member("method", request("method"));
    output.close(part);
    let part = output.open("response");
    output.maybe_number("status_code", facts.http_status.map(u64::from));
    output.close(part);
    output.close(http);
    let url = output.open("url");
    output.member("original", request("uri"));
    output.close(url);
}

/// What Defender saw run.
#[inline(never)]
fn process(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    if facts.category != Category::Security {
        return;
    }
    let property = |name| record.text_of(Part::Properties, name);
    let number = |name| record.member_of(Part::Properties, name).whole_number();
    let process = output.open("process");
    output.member("command_line", property("commandLine"));
    output.member("name", property("processName"));
    output.maybe_number("pid", number("processId"));
    let parent = output.open("parent");
    output.member("name", property("parentProcess"));
    output.maybe_number("pid", number("parentProcess id"));
    output.close(parent);
    let user = output.open("user");
    output.member("name", property("userName"));
    output.member("domain", property("domainName"));
    output.member("id", property("UserSID"));
    output.close(user);
    output.close(process);
}

/// The operator's alert rule, Defender's alert, or the policy.
#[inline(never)]
fn rule(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let rule = output.open("rule");
    match facts.category {
        Category::Alert | Category::Security => {
            let title = record
                .label(LocalizableString::EVENT_NAME)
                .value()
                .filter(|_| facts.category == Category::Security);
            output.member("name", record.text_of(Part::Properties, "RuleName").or(title));
            output.member("description", record.text_of(Part::Properties, "RuleDescription"));
            output.member("reference", record.text_of(Part::Properties, "RuleUri"));
        }
        Category::Policy => {
            if let Some(policy) = facts.policies.first() {
                output.member_bytes("id", policy.text("definition_name"));
                output.member_bytes("name", policy.text("definition_display_name"));
                output.member_bytes("reference", policy.text("definition_id"));
            }
        }
        _ => {}
    }
    output.close(rule);
}

/// Writes `threat`: the techniques of the rating, and the tactics that Defender names.
#[inline(never)]
pub fn threat(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    let threat = output.open("threat");
    let mut has_tactic = false;
    if facts.category == Category::Security {
        let tactic = output.open("tactic");
        security::intent(output, record, "name");
        has_tactic = output.close(tactic);
    }
    if has_tactic || !rating.techniques.is_empty() {
        output.constant("framework", "MITRE ATT&CK");
    }
    let technique = output.open("technique");
    let ids = || rating.techniques.iter().map(str::as_bytes);
    let parents: Vec<&[u8]> = ids()
        .map(|id| bytes::find(b'.', id).map_or(id, |dot| &id[..dot]))
        .collect();
    output.member_list("id", &parents);
    let part = output.open("subtechnique");
    let children: Vec<&[u8]> = ids().filter(|id| bytes::find(b'.', id).is_some()).collect();
    output.member_list("id", &children);
    output.close(part);
    output.close(technique);
    output.close(threat);
}

/// Writes an address, and the IP field only if it is one.
fn address(output: &mut Writer, address: Option<&Address<'_>>) {
    if let Some(address) = address {
        output.member_bytes("address", &address.text);
        if address.is_ip {
            output.member_bytes("ip", &address.text);
        }
    }
}
