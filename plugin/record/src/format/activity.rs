use super::map::write_texts;
use super::members::{Names, members};
use super::security;
use crate::facts::{Category, Facts, policy};
use crate::json::{Embedded, Text, Writer, bytes};
use crate::record::{Field, LocalizableString, Part, Record};
use crate::severity::Rating;

/// Writes what the common part of ECS has no place for, or only a place of another name, as members of
/// `azure.activity_logs`.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    output.member_bytes("id", facts.id.as_bytes());
    output.member("category", record.label(LocalizableString::CATEGORY).value());
    output.member("correlation_id", record.text(Field::CorrelationId));
    output.member_bytes("operation", &facts.operation.lower);
    output.member("status", facts.status);
    output.member("sub_status", record.label(LocalizableString::SUB_STATUS).value());
    output.member_bytes("subscription_id", &facts.resource.subscription());
    output.member("tenant_id", facts.tenant);
    output.member("app_id", facts.principal.claims.app_id);
    resource(output, record, facts);
    lower(output, facts);
    write_rest(output, record, facts, rating);
}

/// What rules compare and Azure writes in more than one letter case, in lower case.
#[inline(never)]
fn lower(output: &mut Writer, facts: &Facts<'_>) {
    let lower = output.open("lower");
    let decoded = |text: Option<Text<'_>>| text.map(|text| bytes::lower(&text.decoded())).unwrap_or_default();
    output.member_bytes("resource_id", &decoded(facts.resource.id));
    output.member_bytes("resource_group", &bytes::lower(&facts.resource.group()));
    output.member_bytes("user_name", &decoded(facts.principal.name()));
    output.close(lower);
}

/// Writes what is ours beside the fields of Elastic's integration.
pub fn write_beside(output: &mut Writer, facts: &Facts<'_>, rating: &Rating<'_>) {
    output.constant("mapping_version", super::MAPPING_VERSION);
    output.member("phase", facts.phase.map(|phase| Text::constant(phase.name())));
    output.constant("identity_type", facts.principal.kind().name());
    severity(output, rating);
    role(output, facts);
}

/// Writes what neither common schema has a place for: the rest of `azure.activity_logs`, and OCSF's `unmapped`.
pub fn write_rest(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>, rating: &Rating<'_>) {
    output.constant("mapping_version", super::MAPPING_VERSION);
    output.member("operation_id", record.text(Field::OperationId));
    output.member("channels", record.text(Field::Channels));
    output.member("event_name", record.label(LocalizableString::EVENT_NAME).value());
    output.member("phase", facts.phase.map(|phase| Text::constant(phase.name())));
    output.constant("identity_type", facts.principal.kind().name());
    severity(output, rating);
    authorization(output, record);
    role(output, facts);
    policies(output, facts);
    details(output, record, facts);
    write_texts(output, "properties", record.part_members(Part::Properties));
    output.repeat(record.part_bytes(Part::Claims), |output| {
        write_texts(output, "claims", record.part_members(Part::Claims));
    });
    write_texts(output, "unknown", record.rest());
}

fn resource(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let resource = output.open("resource");
    output.member("id", facts.resource.id);
    output.member_bytes("name", &facts.resource.name());
    output.member("type", facts.resource.kind);
    output.member_bytes("group", &facts.resource.group());
    output.member("location", record.text_of(Part::Properties, "resourceLocation"));
    output.close(resource);
}

/// The rating and what made it so.
fn severity(output: &mut Writer, rating: &Rating<'_>) {
    let severity = output.open("severity");
    output.constant("name", rating.severity.name());
    output.member_bytes("rule", rating.rule.as_bytes());
    output.member_bytes("reason", rating.reason.as_bytes());
    output.close(severity);
}

/// Writes `authorization`.
pub fn authorization(output: &mut Writer, record: &Record<'_>) {
    let authorization = output.open("authorization");
    for name in ["action", "role", "scope"] {
        output.member(name, record.text_of(Part::Authorization, name));
    }
    output.close(authorization);
}

#[inline(never)]
fn role(output: &mut Writer, facts: &Facts<'_>) {
    let Some(role) = &facts.role else { return };
    let object = output.open("role");
    output.member_bytes("id", &bytes::lower(&role.id));
    output.member_bytes("name", role.name());
    output.member_bytes(
        "principal_type",
        role.principal.kind.as_deref().unwrap_or_default(),
    );
    output.constant("change", role.change.name());
    output.close(object);
}

fn policies(output: &mut Writer, facts: &Facts<'_>) {
    let policies = output.open_array("policies");
    for policy in &facts.policies {
        let object = output.open_element();
        for ((_, name), text) in policy::FIELDS.iter().zip(&policy.texts) {
            output.member_bytes(name, text);
        }
        output.close(object);
    }
    output.close_array(policies);
}

/// What each category says in `properties`, under names of its own. Azure has written some under two names.
fn details(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    match facts.category {
        Category::ServiceHealth => service_health(output, record),
        Category::ResourceHealth => texts(output, record, "resource_health", &RESOURCE_HEALTH),
        Category::Autoscale => autoscale(output, record),
        Category::Recommendation => texts(output, record, "recommendation", &RECOMMENDATION),
        Category::Alert => texts(output, record, "alert", &ALERT),
        Category::Administrative => texts(output, record, "pim", &PRIVILEGED_IDENTITY),
        Category::Security => security::write(output, record),
        _ => {}
    }
}

const RESOURCE_HEALTH: [(&str, &[&str]); 5] = [
    ("current", &["currentHealthStatus", "healthStatus"]),
    ("previous", &["previousHealthStatus"]),
    ("cause", &["cause", "healthEventCause"]),
    ("type", &["type", "healthEventType"]),
    ("title", &["title"]),
];
const RECOMMENDATION: [(&str, &[&str]); 3] = [
    ("category", &["recommendationCategory"]),
    ("impact", &["recommendationImpact"]),
    ("risk", &["recommendationRisk"]),
];
const ALERT: [(&str, &[&str]); 6] = [
    ("metric", &["MetricName"]),
    ("operator", &["Operator"]),
    ("threshold", &["Threshold"]),
    ("window", &["WindowSizeInMinutes"]),
    ("aggregation", &["Aggregation"]),
    ("event_id", &["eventDataId"]),
];
const PRIVILEGED_IDENTITY: [(&str, &[&str]); 5] = [
    ("action", &["ActionType"]),
    ("justification", &["Justification"]),
    ("subject_id", &["SubjectID"]),
    ("subject_name", &["SubjectName"]),
    ("role", &["RoleDefinitionOriginId"]),
];
const SERVICE_HEALTH: [(&str, &[&str]); 7] = [
    ("tracking_id", &["trackingId"]),
    ("incident_type", &["incidentType"]),
    ("stage", &["stage"]),
    ("service", &["service"]),
    ("region", &["region"]),
    ("title", &["title"]),
    ("impact_start", &["impactStartTime"]),
];

#[inline(never)]
fn texts(output: &mut Writer, record: &Record<'_>, name: &'static str, names: &Names) {
    let object = output.open(name);
    members(output, record, names);
    output.close(object);
}

#[inline(never)]
fn service_health(output: &mut Writer, record: &Record<'_>) {
    let object = output.open("service_health");
    members(output, record, &SERVICE_HEALTH);
    if let Some(text) = record.text_of(Part::Properties, "impactedServices") {
        let impacted = Embedded::new(text);
        for (name, key) in [("services", "ServiceName"), ("regions", "RegionName")] {
            let mut found: Vec<Vec<u8>> = Vec::new();
            for (_, value) in impacted.pairs().filter(|(pair, _)| pair.is(key)) {
                let text = value
                    .text()
                    .map(|text| text.decoded().into_owned())
                    .unwrap_or_default();
                found.push(text);
            }
            let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
            output.member_list(name, &found);
        }
    }
    output.close(object);
}

fn autoscale(output: &mut Writer, record: &Record<'_>) {
    let object = output.open("autoscale");
    for (ours, theirs) in [("old", "OldInstancesCount"), ("new", "NewInstancesCount")] {
        output.maybe_number(ours, record.member_of(Part::Properties, theirs).whole_number());
    }
    output.member("resource", record.text_of(Part::Properties, "ResourceName"));
    output.close(object);
}
