//! Who was given which role, or lost it, whatever the operation says it with.

mod records;

use records::{GRACE, OWNER, READER, SUBSCRIPTION, assert_at, assignment, at, ecs, record};
use serde_json::{Value, json};

#[test]
fn whose_role_and_which_is_named_for_every_operation_on_assignments() {
    let owner = assignment(OWNER, json!({}));
    for (operation, bodies, change, severity) in [
        (
            "roleAssignments/write",
            json!({"requestbody": owner}),
            "granted",
            "high",
        ),
        (
            "roleAssignments/write",
            json!({"responseBody": owner}),
            "granted",
            "high",
        ),
        (
            "roleAssignments/write",
            json!({"requestBody": "{}", "responseBody": owner}),
            "granted",
            "high",
        ),
        (
            "roleAssignments/delete",
            json!({"responseBody": owner}),
            "removed",
            "medium",
        ),
        (
            "roleAssignmentScheduleRequests/write",
            json!({"requestbody": owner}),
            "granted",
            "high",
        ),
        (
            "roleAssignmentScheduleInstances/write",
            json!({"responseBody": owner}),
            "granted",
            "high",
        ),
        (
            "roleAssignmentSchedules/write",
            json!({"responseBody": owner}),
            "granted",
            "high",
        ),
        (
            "roleEligibilityScheduleRequests/write",
            json!({"requestbody": owner}),
            "granted",
            "high",
        ),
        (
            "roleEligibilityScheduleInstances/write",
            json!({"requestbody": owner}),
            "granted",
            "high",
        ),
        (
            "roleEligibilitySchedules/delete",
            json!({"responseBody": owner}),
            "removed",
            "medium",
        ),
        (
            "roleAssignmentScheduleRequests/write",
            json!({"requestbody": assignment(OWNER, json!({"requestType": "AdminRemove"}))}),
            "removed",
            "medium",
        ),
        (
            "roleEligibilityScheduleRequests/write",
            json!({"requestbody": assignment(OWNER, json!({"RequestType": "SelfDeactivate"}))}),
            "removed",
            "medium",
        ),
        // As an object, not as JSON text.
        (
            "roleAssignments/write",
            json!({"requestbody": serde_json::from_str::<Value>(&owner).unwrap()}),
            "granted",
            "high",
        ),
        // Cut off behind what is asked for.
        (
            "roleAssignments/write",
            json!({"requestbody": owner[..owner.len() - 2]}),
            "granted",
            "high",
        ),
    ] {
        let record = record(json!({
            "operationName": {"value": format!("Microsoft.Authorization/{operation}")},
            "properties": bodies,
        }));
        let event = ecs(&record);
        assert_at(
            &record,
            &event,
            &[
                ("azure.activity_logs.role.id", json!(OWNER)),
                ("azure.activity_logs.role.name", json!("Owner")),
                ("azure.activity_logs.role.change", json!(change)),
                ("user.target.id", json!(GRACE)),
                ("azure.activity_logs.severity.name", json!(severity)),
            ],
        );
        assert_eq!(event["event"]["category"], json!(["api", "iam"]), "{record}");
        assert!(
            at(&event, "event.type")
                .as_array()
                .unwrap()
                .contains(&json!("admin")),
            "{record}"
        );
        assert!(
            at(&event, "related.user")
                .as_array()
                .unwrap()
                .contains(&json!(GRACE)),
            "{record}"
        );
    }
}

#[test]
fn an_administrator_of_the_old_kind_is_named_by_address() {
    let body = r#"{"properties":{"emailAddress":"grace@contoso.com","role":"CoAdministrator"}}"#;
    for (verb, bodies, change) in [
        ("write", json!({"requestbody": body}), "granted"),
        ("delete", json!({"responseBody": body}), "removed"),
    ] {
        let record = record(json!({
            "operationName": {"value": format!("Microsoft.Authorization/classicAdministrators/{verb}")},
            "properties": bodies,
        }));
        assert_at(
            &record,
            &ecs(&record),
            &[
                ("azure.activity_logs.role.name", json!("CoAdministrator")),
                ("azure.activity_logs.role.change", json!(change)),
                ("user.target.email", json!("grace@contoso.com")),
            ],
        );
    }
}

fn privileged_identity(operation: &str, more: Value) -> Value {
    let mut properties = json!({
        "RoleDefinition": "Owner",
        "RoleDefinitionOriginId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"),
        "SubjectID": GRACE,
        "SubjectName": "Grace Ito",
        "CallerInfo": r#"[{"CallerIdentityType":"UPN","CallerIdentityValue":"ada@contoso.com"},{"CallerIdentityType":"ObjectID","CallerIdentityValue":"7b0f1b2c-3d4e-4f50-9a6b-7c8d9e0f1a2b"},{"CallerIdentityType":"DisplayName","CallerIdentityValue":"Ada Okafor"}]"#,
    });
    for (name, value) in more.as_object().expect("it is an object") {
        properties[name] = value.clone();
    }
    record(json!({
        "operationName": {"value": operation},
        "resourceProviderName": {"value": "azurerbac"},
        "resourceId": SUBSCRIPTION,
        "properties": properties,
    }))
}

#[test]
fn privileged_identity_management_says_who_got_which_role_from_whom() {
    for (operation, more, change, kind, severity) in [
        (
            "Add member to role completed (PIM activation)",
            json!({"ActionType": "Grant"}),
            "granted",
            "change",
            "high",
        ),
        (
            "Add eligible member to role in PIM completed (timebound)",
            json!({}),
            "granted",
            "change",
            "high",
        ),
        (
            "Add member to role in PIM completed (permanent)",
            json!({}),
            "granted",
            "change",
            "high",
        ),
        // In another language.
        (
            "Mitglied zur Rolle hinzugefügt",
            json!({"ActionType": "Grant"}),
            "granted",
            "change",
            "high",
        ),
        (
            "Mitglied aus Rolle entfernt",
            json!({"ActionType": "Revoke"}),
            "removed",
            "deletion",
            "low",
        ),
        (
            "Remove member from role (PIM activation expired)",
            json!({}),
            "removed",
            "deletion",
            "low",
        ),
        (
            "Remove eligible member from role in PIM completed",
            json!({}),
            "removed",
            "deletion",
            "low",
        ),
        (
            "Remove member from role requested (PIM deactivate)",
            json!({"EventName": "DeactivateRole"}),
            "removed",
            "deletion",
            "low",
        ),
        (
            "Add member to role request denied (PIM activation)",
            json!({}),
            "neither",
            "change",
            "low",
        ),
        (
            "Add member to role request canceled (PIM activation)",
            json!({}),
            "neither",
            "change",
            "low",
        ),
    ] {
        let record = privileged_identity(operation, more);
        let event = ecs(&record);
        assert_at(
            &record,
            &event,
            &[
                ("event.category", json!(["api", "iam"])),
                ("event.type", json!([kind, "admin", "end"])),
                ("user.id", json!("7b0f1b2c-3d4e-4f50-9a6b-7c8d9e0f1a2b")),
                ("user.name", json!("ada@contoso.com")),
                ("user.email", json!("ada@contoso.com")),
                ("user.domain", json!("contoso.com")),
                ("user.full_name", json!("Ada Okafor")),
                ("user.target.id", json!(GRACE)),
                ("user.target.full_name", json!("Grace Ito")),
                ("azure.activity_logs.role.id", json!(OWNER)),
                ("azure.activity_logs.role.name", json!("Owner")),
                ("azure.activity_logs.role.change", json!(change)),
                ("azure.activity_logs.identity_type", json!("user")),
                ("azure.activity_logs.severity.name", json!(severity)),
            ],
        );
    }
}

#[test]
fn privileged_identity_management_is_understood_with_parts_missing() {
    let missing = |name: &str| {
        let mut record = privileged_identity("Add member to role completed (PIM activation)", json!({}));
        let properties = record["properties"].as_object_mut().unwrap();
        properties.remove(name);
        record
    };
    let record = missing("CallerInfo");
    let event = ecs(&record);
    assert_at(
        &record,
        &event,
        &[
            ("user.id", Value::Null),
            ("user.name", Value::Null),
            ("user.target.id", json!(GRACE)),
        ],
    );
    for name in ["RoleDefinition", "RoleDefinitionOriginId"] {
        let record = missing(name);
        assert_at(
            &record,
            &ecs(&record),
            &[
                ("azure.activity_logs.role.name", json!("Owner")),
                ("azure.activity_logs.severity.name", json!("high")),
            ],
        );
    }
    // The provider is said inside, or not at all.
    for provider in [json!({"ResourceProviderName": "azurerbac"}), json!({})] {
        let mut record = privileged_identity("Add member to role completed (PIM activation)", provider);
        record.as_object_mut().unwrap().remove("resourceProviderName");
        assert_at(
            &record,
            &ecs(&record),
            &[
                ("event.category", json!(["api", "iam"])),
                ("azure.activity_logs.severity.name", json!("high")),
            ],
        );
    }
    let record = privileged_identity(
        "Add member to role completed (PIM activation)",
        json!({"RoleDefinition": "Fruit Picker", "RoleDefinitionOriginId": "99999999-0000-4000-8000-000000000001"}),
    );
    assert_at(
        &record,
        &ecs(&record),
        &[
            ("azure.activity_logs.role.name", json!("Fruit Picker")),
            ("azure.activity_logs.severity.name", json!("medium")),
        ],
    );
    for info in ["[", "nonsense", "[{\"CallerIdentityType\":\"UPN\"}", ""] {
        let record = privileged_identity("Add member to role completed", json!({"CallerInfo": info}));
        assert_at(
            &record,
            &ecs(&record),
            &[("user.target.id", json!(GRACE)), ("user.name", Value::Null)],
        );
    }
}

#[test]
fn a_powerful_role_above_subscriptions_is_critical_however_it_is_given() {
    let group = "/providers/Microsoft.Management/managementGroups/root";
    let mut records = vec![record(json!({
        "operationName": {"value": "Microsoft.Authorization/roleAssignments/write"},
        "properties": {"requestbody": assignment(OWNER, json!({"scope": group}))},
    }))];
    for kind in [
        "roleAssignmentScheduleRequests",
        "roleEligibilityScheduleRequests",
    ] {
        records.push(record(json!({
            "operationName": {"value": format!("Microsoft.Authorization/{kind}/write")},
            "resourceId": format!("{group}/providers/Microsoft.Authorization/{kind}/r1"),
            "properties": {"requestbody": assignment(OWNER, json!({"requestType": "AdminAssign"}))},
        })));
    }
    let mut activation = privileged_identity("Add member to role completed (PIM activation)", json!({}));
    activation["resourceId"] = json!(group);
    records.push(activation);
    records.push(privileged_identity(
        "Add member to role completed (PIM activation)",
        json!({"ResourceType": "managementgroup"}),
    ));
    for record in records {
        assert_at(
            &record,
            &ecs(&record),
            &[("azure.activity_logs.severity.name", json!("critical"))],
        );
        let mut failed = record.clone();
        failed["status"] = json!({"value": "Failed"});
        assert_at(
            &failed,
            &ecs(&failed),
            &[("azure.activity_logs.severity.name", json!("medium"))],
        );
        let mut harmless = record.to_string();
        harmless = harmless.replace(OWNER, READER).replace("\"Owner\"", "\"Reader\"");
        let harmless: Value = serde_json::from_str(&harmless).unwrap();
        assert_ne!(
            at(&ecs(&harmless), "azure.activity_logs.severity.name"),
            "critical",
            "{harmless}"
        );
    }
}
