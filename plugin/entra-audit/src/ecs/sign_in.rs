//! A sign-in as an event. What Elastic's integration documents for this log (`azure.signinlogs.*`) has its names here.
//!
//! Source of the record's names: Microsoft Graph, "signIn resource type" and those that it refers to.

use serde_json::{Value, json};

use super::people::{address, domain};
use crate::facts::Facts;
use crate::rating::Rating;

/// The dataset of Elastic's integration.
pub const DATASET: &str = "azure.signinlogs";

/// What Elastic's integration calls each of them.
const ACTION: &str = "Sign-in activity";

/// The parts of the event that are this log's own.
pub fn parts(facts: &Facts<'_>, rating: &Rating) -> Value {
    let principal = facts.text("/userPrincipalName");
    let ip = facts.text("/ipAddress").and_then(address);
    let code = facts.value("/status/errorCode").and_then(Value::as_i64);
    let has_failed = code.is_some_and(|code| code != 0);
    let reason = facts.text("/status/failureReason").filter(|_| has_failed);
    let related: Vec<&str> = facts.text("/userId").into_iter().chain(principal).collect();
    json!({
        "message": message(facts, has_failed),
        "event": {
            "action": ACTION,
            "category": ["authentication"],
            "type": ["info"],
            "outcome": outcome(code),
            "reason": reason,
        },
        "error": { "code": code.filter(|_| has_failed).map(|code| code.to_string()), "message": reason },
        "azure": { "signinlogs": {
            "category": "SignInLogs",
            "operation_name": ACTION,
            "properties": properties(facts),
            "severity": super::severity(rating),
        } },
        "user": {
            "id": facts.text("/userId"),
            "name": principal.or_else(|| facts.text("/userDisplayName")),
            "full_name": facts.text("/userDisplayName"),
            "email": principal.filter(|name| name.contains('@')),
            "domain": principal.and_then(domain),
        },
        "source": { "address": facts.text("/ipAddress"), "ip": ip, "geo": geo(facts) },
        "user_agent": {
            "name": facts.text("/deviceDetail/browser"),
            "os": { "full": facts.text("/deviceDetail/operatingSystem") },
        },
        "related": { "ip": ip.map(|ip| vec![ip]), "user": related },
    })
}

fn outcome(code: Option<i64>) -> &'static str {
    match code {
        Some(0) => "success",
        Some(_) => "failure",
        None => "unknown",
    }
}

/// What happened, in a sentence.
fn message(facts: &Facts<'_>, has_failed: bool) -> String {
    let by = facts
        .text("/userPrincipalName")
        .or_else(|| facts.text("/userDisplayName"));
    let mut text = format!("{}: sign-in", by.unwrap_or("somebody"));
    for (word, pointer) in [("to", "/resourceDisplayName"), ("with", "/appDisplayName")] {
        if let Some(name) = facts.text(pointer) {
            text += &format!(" {word} {name}");
        }
    }
    match (has_failed, facts.text("/status/failureReason")) {
        (true, Some(reason)) => text + ": failure: " + reason,
        (true, None) => text + ": failure",
        (false, _) => text,
    }
}

fn geo(facts: &Facts<'_>) -> Value {
    let number = |name: &str| {
        facts
            .value(&format!("/location/geoCoordinates/{name}"))
            .and_then(Value::as_f64)
    };
    let place = match (number("longitude"), number("latitude")) {
        (Some(lon), Some(lat)) => json!({ "lon": lon, "lat": lat }),
        _ => Value::Null,
    };
    json!({
        "city_name": facts.text("/location/city"),
        "region_name": facts.text("/location/state"),
        "country_iso_code": facts.text("/location/countryOrRegion").filter(|country| country.len() == 2),
        "location": place,
    })
}

/// The record's members under the names that Elastic's integration gives them.
fn properties(facts: &Facts<'_>) -> Value {
    json!({
        "id": facts.text("/id"),
        "created_at": facts.text("/createdDateTime"),
        "app_display_name": facts.text("/appDisplayName"),
        "app_id": facts.text("/appId"),
        "client_app_used": facts.text("/clientAppUsed"),
        "conditional_access_status": facts.text("/conditionalAccessStatus"),
        "applied_conditional_access_policies": facts.value("/appliedConditionalAccessPolicies"),
        "correlation_id": facts.text("/correlationId"),
        "device_detail": {
            "device_id": facts.text("/deviceDetail/deviceId"),
            "display_name": facts.text("/deviceDetail/displayName"),
            "operating_system": facts.text("/deviceDetail/operatingSystem"),
            "browser": facts.text("/deviceDetail/browser"),
            "is_compliant": facts.value("/deviceDetail/isCompliant"),
            "is_managed": facts.value("/deviceDetail/isManaged"),
            "trust_type": facts.text("/deviceDetail/trustType"),
        },
        "is_interactive": facts.value("/isInteractive"),
        "resource_display_name": facts.text("/resourceDisplayName"),
        "resource_id": facts.text("/resourceId"),
        "risk_detail": facts.text("/riskDetail"),
        "risk_event_types": facts.value("/riskEventTypes_v2").or_else(|| facts.value("/riskEventTypes")),
        "risk_level_aggregated": facts.text("/riskLevelAggregated"),
        "risk_level_during_signin": facts.text("/riskLevelDuringSignIn"),
        "risk_state": facts.text("/riskState"),
        "status": {
            "error_code": facts.value("/status/errorCode"),
            "failure_reason": facts.text("/status/failureReason"),
            "additional_details": facts.text("/status/additionalDetails"),
        },
        "user_display_name": facts.text("/userDisplayName"),
        "user_id": facts.text("/userId"),
        "user_principal_name": facts.text("/userPrincipalName"),
    })
}
