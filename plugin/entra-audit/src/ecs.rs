//! An event in the Elastic Common Schema.
//!
//! What Elastic's own integration documents for these logs (`azure.auditlogs.*`, `event.action`, `event.outcome`) has its names
//! here; people, addresses and categories, which it leaves out, are in the fields of the schema besides.

mod kind;
mod people;
mod sign_in;

use headwater_source::Record;
use headwater_source::contract::Timestamp;
use headwater_source::instant::rfc3339;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::facts::{Change, Facts, Target};
use crate::log::Log;
use crate::rating::Rating;
use crate::raw;

/// The version of the schema.
const VERSION: &str = "9.5.0";

/// Writes an event.
pub fn write(
    config: &Config,
    log: Log,
    facts: &Facts<'_>,
    rating: &Rating,
    record: &Record,
    time: Timestamp,
) -> Value {
    let tenant = config.tenant_id.to_ascii_lowercase();
    let (dataset, parts) = match log {
        Log::DirectoryAudits => (DATASET, audit_parts(facts, rating)),
        Log::SignIns => (sign_in::DATASET, sign_in::parts(facts, rating)),
    };
    let mut event = json!({
        "@timestamp": rfc3339(time),
        "ecs": { "version": VERSION },
        "data_stream": { "type": "logs", "dataset": dataset },
        "labels": config.labels,
        "event": {
            "id": record.id,
            "kind": "event",
            "module": "azure",
            "dataset": dataset,
            "severity": rating.severity.elastic(),
            "original": raw::write(&record.raw).ok(),
        },
        "cloud": { "provider": "azure", "service": { "name": "Microsoft Entra ID" } },
        "organization": { "id": tenant },
        "azure": { "tenant_id": tenant, "correlation_id": facts.text("/correlationId") },
        "threat": threat(rating),
        "observer": { "vendor": "Headwater", "product": "entra-audit", "version": env!("CARGO_PKG_VERSION") },
    });
    merge(&mut event, parts);
    prune(&mut event);
    event
}

/// The dataset of Elastic's integration for the directory audit log.
const DATASET: &str = "azure.auditlogs";

/// The parts of an event that are the directory audit log's own.
fn audit_parts(facts: &Facts<'_>, rating: &Rating) -> Value {
    json!({
        "message": message(facts),
        "event": {
            "provider": facts.text("/loggedByService"),
            "action": facts.text("/activityDisplayName"),
            "category": kind::categories(facts),
            "type": kind::types(facts),
            "outcome": facts.outcome().name(),
            "reason": facts.text("/resultReason"),
        },
        "azure": { "auditlogs": {
            "category": "AuditLogs",
            "operation_name": facts.text("/activityDisplayName"),
            "properties": properties(facts),
            "role": { "name": facts.role() },
            "severity": severity(rating),
        } },
        "user": people::user(facts),
        "source": people::source(facts),
        "group": group(facts),
        "user_agent": { "original": facts.detail("User-Agent") },
        "related": people::related(facts),
    })
}

fn severity(rating: &Rating) -> Value {
    json!({ "name": rating.severity.name(), "rule": rating.rule, "reason": rating.reason })
}

/// Adds the members of an object to another, object by object.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// What happened, in a sentence.
fn message(facts: &Facts<'_>) -> String {
    let by = people::actor_name(facts).unwrap_or("somebody");
    let mut text = format!("{by}: {}", facts.activity());
    let names: Vec<&str> = facts
        .targets()
        .filter_map(|target| target_name(&target))
        .collect();
    if !names.is_empty() {
        text += &format!(" ({})", names.join(", "));
    }
    if let Some(role) = facts.role().filter(|role| !names.contains(&role.as_str())) {
        text += &format!(", role {role}");
    }
    format!("{text}: {}", facts.outcome().name())
}

fn target_name<'a>(target: &Target<'a>) -> Option<&'a str> {
    let named = target
        .text("userPrincipalName")
        .or_else(|| target.text("displayName"));
    named.or_else(|| target.text("id"))
}

/// The record's members under the names that Elastic's integration gives them. Lists of objects become objects with numbers for
/// names, so that an object stays together in a search.
fn properties(facts: &Facts<'_>) -> Value {
    json!({
        "id": facts.text("/id"),
        "activity_display_name": facts.text("/activityDisplayName"),
        "activity_datetime": facts.text("/activityDateTime"),
        "category": facts.text("/category"),
        "correlation_id": facts.text("/correlationId"),
        "logged_by_service": facts.text("/loggedByService"),
        "operation_type": facts.text("/operationType"),
        "result": facts.text("/result"),
        "result_reason": facts.text("/resultReason"),
        "initiated_by": facts.value("/initiatedBy"),
        "additional_details": facts.value("/additionalDetails"),
        "target_resources": numbered(facts.targets().map(|target| json!({
            "id": target.text("id"),
            "display_name": target.text("displayName"),
            "type": target.kind(),
            "user_principal_name": target.text("userPrincipalName"),
            "group_type": target.text("groupType"),
            "modified_properties": numbered(target.changes().map(|change: Change<'_>| json!({
                "display_name": change.name(),
                "old_value": change.old_value(),
                "new_value": change.new_value(),
            }))),
        }))),
    })
}

fn numbered(items: impl Iterator<Item = Value>) -> Value {
    let numbered = items.enumerate().map(|(index, item)| (index.to_string(), item));
    Value::Object(numbered.collect::<Map<String, Value>>())
}

fn group(facts: &Facts<'_>) -> Value {
    match facts.target(&["Group"]) {
        Some(group) => json!({ "id": group.text("id"), "name": group.text("displayName") }),
        None => Value::Null,
    }
}

fn threat(rating: &Rating) -> Value {
    if rating.techniques.is_empty() {
        return Value::Null;
    }
    let techniques = || rating.techniques.iter();
    let mut ids: Vec<&str> = techniques()
        .map(|id| id.split('.').next().unwrap_or_default())
        .collect();
    ids.dedup();
    let parts: Vec<&&str> = techniques().filter(|id| id.contains('.')).collect();
    json!({ "framework": "MITRE ATT&CK", "technique": { "id": ids, "subtechnique": { "id": parts } } })
}

/// Takes out what says nothing: `null`, blank text, `{}` and `[]`.
fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => members.retain(|_, member| {
            prune(member);
            !says_nothing(member)
        }),
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
