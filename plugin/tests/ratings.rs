//! What records are rated, and what the event says about it.

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::record::Record;
use azure_activity::rules::{DropRule, SeverityRow, default_drop};
use serde_json::{Value, json};

fn settings(drop: &[Value], severity: &[Value]) -> Settings {
    Settings {
        format: Format::Ecs,
        drop: drop
            .iter()
            .map(|rule| DropRule::from_json(rule).expect("a good rule"))
            .collect(),
        severity: severity
            .iter()
            .map(|row| SeverityRow::from_json(row).expect("a good row"))
            .collect(),
        ..Settings::default()
    }
}

fn record(operation: &str, status: &str, more: Value) -> Value {
    let mut record = json!({
        "eventDataId": "00000000-0000-4000-8000-000000000001",
        "eventTimestamp": "2026-01-15T09:00:00Z",
        "category": {"value": "Administrative"},
        "operationName": {"value": operation},
        "status": {"value": status},
        "level": if status == "Failed" { "Error" } else { "Informational" },
    });
    if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
        record.extend(more);
    }
    record
}

fn apply(settings: Settings, record: &Value) -> Outcome {
    Normalizer::new(settings).apply(&Record::read(record.to_string().as_bytes()))
}

/// The rating's name and rule.
fn rating(settings: Settings, record: &Value) -> (String, String) {
    let Outcome::Event(event) = apply(settings, record) else {
        panic!("{record} is no event")
    };
    let body: Value = serde_json::from_str(&event.body).expect("bodies are JSON");
    let severity = &body["azure"]["activity_logs"]["severity"];
    let text = |name: &str| severity[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("reason").is_empty(), "{record}");
    (text("name"), text("rule"))
}

#[test]
fn operations_are_rated_by_the_tables() {
    let nothing = || json!({});
    for (operation, status, more, name, rule) in [
        (
            "Microsoft.Authorization/roleAssignments/write",
            "Succeeded",
            nothing(),
            "high",
            "Microsoft.Authorization/roleAssignments/write",
        ),
        (
            "microsoft.authorization/ROLEASSIGNMENTS/write",
            "Failed",
            nothing(),
            "medium",
            "Microsoft.Authorization/roleAssignments/write",
        ),
        (
            "Microsoft.Authorization/roleDefinitions/write",
            "Succeeded",
            nothing(),
            "high",
            "Microsoft.Authorization/roleDefinitions/write",
        ),
        (
            "Microsoft.Authorization/policyAssignments/delete",
            "Succeeded",
            nothing(),
            "high",
            "*/policyAssignments/delete",
        ),
        (
            "Microsoft.Sql/servers/firewallRules/delete",
            "Succeeded",
            nothing(),
            "high",
            "*/firewallRules/delete",
        ),
        (
            "Microsoft.KeyVault/vaults/delete",
            "Failed",
            nothing(),
            "medium",
            "Microsoft.KeyVault/vaults/delete",
        ),
        (
            "Microsoft.Compute/virtualMachines/deallocate/action",
            "Started",
            nothing(),
            "medium",
            "*/deallocate/action",
        ),
        (
            "Microsoft.Compute/virtualMachines/powerOff/action",
            "Accepted",
            nothing(),
            "medium",
            "*/powerOff/action",
        ),
        (
            "Microsoft.Web/sites/write",
            "Succeeded",
            nothing(),
            "info",
            "level",
        ),
        (
            "Microsoft.Web/sites/write",
            "Failed",
            nothing(),
            "medium",
            "*/write",
        ),
        (
            "Microsoft.KeyVault/deletedVaults/read",
            "Succeeded",
            nothing(),
            "info",
            "level",
        ),
        (
            "Microsoft.X/disableThings/action",
            "Succeeded",
            nothing(),
            "info",
            "level",
        ),
        (
            "Microsoft.Authorization/elevateAccess/action",
            "Succeeded",
            nothing(),
            "critical",
            "Microsoft.Authorization/elevateAccess/action",
        ),
        (
            "Microsoft.Storage/storageAccounts/delete",
            "Failed",
            nothing(),
            "medium",
            "Microsoft.Storage/storageAccounts/delete",
        ),
        (
            "Microsoft.Storage/storageAccounts/write",
            "Started",
            json!({"properties": {"requestbody": "{\"properties\":{\"allowBlobPublicAccess\":true}}"}}),
            "high",
            "Microsoft.Storage/storageAccounts/write",
        ),
        (
            "Microsoft.Storage/storageAccounts/write",
            "Started",
            json!({"properties": {"requestbody": "{\"properties\":{\"allowBlobPublicAccess\":false}}"}}),
            "info",
            "level",
        ),
        (
            "Microsoft.Storage/storageAccounts/blobServices/write",
            "Started",
            json!({"properties": {"requestbody": "{\"properties\":{\"deleteRetentionPolicy\":{\"enabled\":false}}}"}}),
            "high",
            "Microsoft.Storage/storageAccounts/blobServices/write",
        ),
        (
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Started",
            nothing(),
            "low",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
        ),
        (
            "Microsoft.Security/locations/alerts/activate/action",
            "Active",
            json!({"category": {"value": "Security"}, "properties": {"Severity": "High"}}),
            "high",
            "alert-severity",
        ),
        ("", "Succeeded", json!({"level": "Critical"}), "critical", "level"),
        ("", "Succeeded", json!({"level": "Warning"}), "low", "level"),
    ] {
        let record = record(operation, status, more);
        assert_eq!(
            rating(settings(&[], &[]), &record),
            (name.to_owned(), rule.to_owned()),
            "{record}"
        );
    }
}

#[test]
fn powerful_roles_are_recognised_in_either_body_and_letter_case() {
    let owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    let reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let group = "/providers/Microsoft.Management/managementGroups/root";
    for (key, body, name, rule) in [
        (
            "requestbody",
            format!(r#"{{"properties":{{"roleDefinitionId":"/x/roleDefinitions/{owner}"}}}}"#),
            "high",
            "privileged-role",
        ),
        (
            "responseBody",
            format!(
                r#"{{"Properties":{{"RoleDefinitionId":"/x/{}"}}}}"#,
                owner.to_uppercase()
            ),
            "high",
            "privileged-role",
        ),
        (
            "requestBody",
            format!(r#"{{"properties":{{"roleDefinitionId":"/x/{owner}","scope":"{group}"}}}}"#),
            "critical",
            "privileged-role-above-subscriptions",
        ),
        (
            "requestbody",
            format!(r#"{{"properties":{{"roleDefinitionId":"/x/{owner}","scope":"/"}}}}"#),
            "critical",
            "privileged-role-above-subscriptions",
        ),
        (
            "requestbody",
            format!(r#"{{"properties":{{"roleDefinitionId":"/x/{reader}","scope":"/"}}}}"#),
            "high",
            "Microsoft.Authorization/roleAssignments/write",
        ),
        (
            "requestbody",
            format!(r#"{{"properties":{{"roleDefinitionId":"/x/{owner}","sc"#),
            "high",
            "privileged-role",
        ),
    ] {
        let record = record(
            "Microsoft.Authorization/roleAssignments/write",
            "Started",
            json!({"properties": {key: body}}),
        );
        assert_eq!(
            rating(settings(&[], &[]), &record),
            (name.to_owned(), rule.to_owned()),
            "{record}"
        );
    }
}

#[test]
fn the_operators_rows_win_up_and_down() {
    let rows = [
        json!({"operation": "Microsoft.Web/sites/write", "severity": "critical", "technique": "T1505.003"}),
        json!({"operation": "Microsoft.Authorization/roleAssignments/*", "severity": "low"}),
    ];
    for (operation, name, rule) in [
        (
            "microsoft.web/sites/write",
            "critical",
            "Microsoft.Web/sites/write",
        ),
        (
            "Microsoft.Authorization/roleAssignments/write",
            "low",
            "Microsoft.Authorization/roleAssignments/*",
        ),
        ("Microsoft.Web/sites/delete", "info", "level"),
    ] {
        let record = record(operation, "Succeeded", json!({}));
        assert_eq!(
            rating(settings(&[], &rows), &record),
            (name.to_owned(), rule.to_owned()),
            "{record}"
        );
    }
}

#[test]
fn a_drop_rule_matches_when_all_its_parts_do() {
    let read = record("Microsoft.Web/sites/read", "Succeeded", json!({}));
    assert_eq!(
        apply(
            Settings {
                drop: default_drop(),
                ..settings(&[], &[])
            },
            &read
        ),
        Outcome::Dropped { rule: 0 }
    );
    for (rule, dropped) in [
        (json!("Microsoft.Web/*"), true),
        (json!("Microsoft.Web/sites"), false),
        (json!({"category": "administrative"}), true),
        (json!({"category": "Policy"}), false),
        (json!({"level": "Information", "status": "succeeded"}), true),
        (json!({"level": "Error", "status": "succeeded"}), false),
        (json!({"operation": "*/read", "status": "Failed"}), false),
    ] {
        let outcome = apply(settings(&[json!("*/never"), rule.clone()], &[]), &read);
        assert_eq!(outcome == Outcome::Dropped { rule: 1 }, dropped, "{rule}");
    }
}

#[test]
fn bad_rules_say_what_is_wrong_all_at_once() {
    let problems = |result: Result<(), Vec<azure_activity::rules::Problem>>| -> Vec<String> {
        result
            .expect_err("a bad rule")
            .into_iter()
            .map(|problem| problem.pointer)
            .collect()
    };
    for (rule, pointers) in [
        (json!(7), vec![""]),
        (json!({}), vec![""]),
        (json!("a*/b"), vec![""]),
        (
            json!({"operation": "", "category": "x", "level": "y", "colour": "z"}),
            vec!["/colour", "/operation", "/category", "/level"],
        ),
    ] {
        assert_eq!(problems(DropRule::from_json(&rule).map(drop)), pointers, "{rule}");
    }
    for (row, pointers) in [
        (json!([]), vec![""]),
        (json!({}), vec!["", ""]),
        (
            json!({"operation": "*", "severity": "bad", "technique": ["T1", "T1098"]}),
            vec!["/severity", "/technique/0"],
        ),
    ] {
        assert_eq!(
            problems(SeverityRow::from_json(&row).map(drop)),
            pointers,
            "{row}"
        );
    }
}

#[test]
fn an_operators_row_takes_techniques_of_any_version_of_attack() {
    for technique in ["T1562.008", "T1685.002", "T1562", "T1685"] {
        let row =
            json!({"operation": "Microsoft.Web/sites/write", "severity": "low", "technique": technique});
        let record = record("Microsoft.Web/sites/write", "Succeeded", json!({}));
        let Outcome::Event(event) = apply(settings(&[], &[row]), &record) else {
            panic!("{record} is no event")
        };
        let body: Value = serde_json::from_str(&event.body).expect("bodies are JSON");
        let parent = technique.split('.').next();
        assert_eq!(
            body["threat"]["technique"]["id"][0].as_str(),
            parent,
            "{technique}"
        );
    }
}
