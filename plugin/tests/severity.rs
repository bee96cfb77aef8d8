//! What the built-in table is worth: siblings agree, noise is low, attempts are attempts, and each row names its evidence.

mod records;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use records::{ecs, record};
use serde_json::{Value, json};

fn request(operation: &str, status: &str, more: Value) -> Value {
    let mut members = json!({
        "operationName": {"value": operation},
        "status": {"value": status},
        "level": if matches!(status, "Succeeded" | "Started") { "Informational" } else { "Error" },
    });
    for (name, value) in more.as_object().expect("it is an object") {
        members[name] = value.clone();
    }
    record(members)
}

fn rated(record: &Value) -> String {
    let event = ecs(record);
    let name = event["azure"]["activity_logs"]["severity"]["name"].as_str();
    name.expect("every event is rated").to_owned()
}

fn workspace_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(path).expect("the file is there")
}

#[test]
fn siblings_are_rated_together() {
    for (severity, operations) in [
        (
            "medium",
            vec![
                "Microsoft.Insights/activityLogAlerts/delete",
                "Microsoft.Insights/scheduledQueryRules/delete",
                "Microsoft.Insights/metricAlerts/delete",
                "Microsoft.Insights/actionGroups/delete",
            ],
        ),
        (
            "medium",
            vec![
                "Microsoft.Authorization/policyDefinitions/delete",
                "Microsoft.Authorization/policySetDefinitions/delete",
                "Microsoft.Authorization/policyDefinitions/write",
                "Microsoft.Authorization/policySetDefinitions/write",
            ],
        ),
        (
            "high",
            vec![
                "Microsoft.RecoveryServices/vaults/delete",
                "Microsoft.DataProtection/backupVaults/delete",
            ],
        ),
        (
            "medium",
            vec![
                "Microsoft.Sql/servers/firewallRules/write",
                "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules/write",
            ],
        ),
        (
            "low",
            vec![
                "Microsoft.Resources/deployments/write",
                "Microsoft.Compute/virtualMachines/write",
                "Microsoft.Compute/snapshots/write",
                "Microsoft.Storage/storageAccounts/listKeys/action",
                "Microsoft.DocumentDB/databaseAccounts/listKeys/action",
            ],
        ),
    ] {
        for operation in operations {
            let record = request(operation, "Succeeded", json!({}));
            assert_eq!(rated(&record), severity, "{operation}");
        }
    }
}

#[test]
fn health_and_guard_rails_at_work_wake_nobody() {
    for (category, operation, level, status) in [
        (
            "ResourceHealth",
            "Microsoft.Resourcehealth/healthevent/Activated/action",
            "Critical",
            "Active",
        ),
        (
            "ServiceHealth",
            "Microsoft.ServiceHealth/incident/action",
            "Critical",
            "Active",
        ),
        (
            "Autoscale",
            "Microsoft.Insights/AutoscaleSettings/Scaleup/Action",
            "Critical",
            "Failed",
        ),
        (
            "Recommendation",
            "Microsoft.Advisor/generateRecommendations/action",
            "Error",
            "Active",
        ),
        (
            "Policy",
            "Microsoft.Authorization/policies/deny/action",
            "Error",
            "Failed",
        ),
    ] {
        let record = request(
            operation,
            status,
            json!({"category": {"value": category}, "level": level}),
        );
        assert_eq!(rated(&record), "low", "{record}");
    }
}

#[test]
fn what_failed_is_an_attempt_whatever_it_was() {
    let owner =
        r#"{"properties":{"roleDefinitionId":"/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635","scope":"/"}}"#;
    for (operation, more) in [
        ("Microsoft.Authorization/elevateAccess/action", json!({})),
        (
            "Microsoft.Authorization/roleAssignments/write",
            json!({"properties": {"requestbody": owner}}),
        ),
        ("Microsoft.KeyVault/vaults/delete", json!({})),
        ("Microsoft.Storage/storageAccounts/delete", json!({})),
        ("Microsoft.Web/sites/write", json!({})),
    ] {
        for status in ["Failed", "Canceled", "Rejected"] {
            let record = request(operation, status, more.clone());
            assert_eq!(rated(&record), "medium", "{record}");
        }
    }
}

#[test]
fn shared_keys_allowed_again_are_noticed_and_worse_things_first() {
    for (body, severity) in [
        (json!({"properties": {"allowSharedKeyAccess": true}}), "medium"),
        (json!({"properties": {"AllowSharedKeyAccess": "True"}}), "medium"),
        (json!({"properties": {"allowSharedKeyAccess": false}}), "info"),
        (
            json!({"properties": {"allowSharedKeyAccess": true, "allowBlobPublicAccess": true}}),
            "high",
        ),
    ] {
        for text in [json!(body.to_string()), body.clone()] {
            let record = request(
                "Microsoft.Storage/storageAccounts/write",
                "Started",
                json!({"properties": {"requestbody": text}}),
            );
            assert_eq!(rated(&record), severity, "{record}");
        }
    }
}

/// The rows of the table, each as its columns.
fn rows() -> Vec<Vec<String>> {
    let table = workspace_file("plugin/record/src/severity/operations.tsv");
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
    table.lines().skip(1).map(columns).collect()
}

#[test]
fn each_row_names_its_evidence_or_the_row_whose_evidence_it_shares() {
    let operations: BTreeSet<String> = rows().into_iter().map(|row| row[1].clone()).collect();
    for row in rows() {
        assert_eq!(row.len(), 8, "{row:?}");
        let evidence = &row[7];
        assert!(!evidence.trim().is_empty(), "{row:?}");
        if let Some(other) = evidence.strip_prefix("none of its own; as ") {
            assert!(operations.contains(other) && *other != row[1], "{row:?}");
        }
    }
}

#[test]
fn no_row_names_a_technique_that_attack_has_revoked() {
    for row in rows() {
        assert!(!row[5].contains("T1562"), "{row:?}");
    }
}

#[test]
fn the_severity_page_lists_every_row_with_its_evidence() {
    let page = workspace_file("docs/severity.md");
    let (_, table) = page.split_once("## Every row").expect("the section is there");
    let written: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = rows().iter().map(|row| line(row)).collect();
    assert_eq!(written, expected);
}

/// A row as the page writes it.
fn line(row: &[String]) -> String {
    let given = |cell: &str| {
        if cell == "-" {
            String::new()
        } else {
            cell.replace(',', ", ")
        }
    };
    let mut severity = row[2].clone();
    if row[3] != "-" {
        severity.push_str(&format!(" if `{}`", row[3]));
    }
    if row[4] != "-" {
        severity.push_str(&format!(", else {}", row[4]));
    }
    format!(
        "| `{}` | {severity} | {} | {} | {} |",
        row[1],
        given(&row[5]),
        row[6],
        row[7]
    )
}
