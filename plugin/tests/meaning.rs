//! What records of every kind mean, whatever they lack: who did what, from where, to what.

mod records;

use azure_activity::format::Format;
use records::{EMAIL, NAME, SUBSCRIPTION, UPN, assert_at, at, body, ecs, record};
use serde_json::{Value, json};

#[test]
fn the_address_of_the_request_is_the_source_and_that_of_the_token_is_beside_it() {
    for (request, token, ip, address, related) in [
        (
            json!("203.0.113.7"),
            "198.51.100.1",
            json!("203.0.113.7"),
            "203.0.113.7",
            json!(["203.0.113.7", "198.51.100.1"]),
        ),
        (
            json!("203.0.113.7:51234"),
            "198.51.100.1:443",
            json!("203.0.113.7"),
            "203.0.113.7",
            json!(["203.0.113.7", "198.51.100.1"]),
        ),
        (
            json!("203.0.113.7, 10.0.0.1, 10.0.0.2"),
            "198.51.100.1",
            json!("203.0.113.7"),
            "203.0.113.7",
            json!(["203.0.113.7", "198.51.100.1"]),
        ),
        (
            json!(["203.0.113.7", "10.0.0.1"]),
            "198.51.100.1",
            json!("203.0.113.7"),
            "203.0.113.7",
            json!(["203.0.113.7", "198.51.100.1"]),
        ),
        (
            json!("[2001:db8::1]:443"),
            "2001:db8::2",
            json!("2001:db8::1"),
            "2001:db8::1",
            json!(["2001:db8::1", "2001:db8::2"]),
        ),
        (
            Value::Null,
            "198.51.100.1",
            json!("198.51.100.1"),
            "198.51.100.1",
            json!(["198.51.100.1"]),
        ),
        (
            json!("127.0.0.0/8"),
            "198.51.100.1",
            Value::Null,
            "127.0.0.0/8",
            json!(["198.51.100.1"]),
        ),
    ] {
        let record = record(json!({
            "httpRequest": {"clientIpAddress": request, "method": "PUT"},
            "claims": {"ipaddr": token},
        }));
        let event = ecs(&record);
        assert_at(
            &record,
            &event,
            &[
                ("source.ip", ip.clone()),
                ("source.address", json!(address)),
                ("related.ip", related),
            ],
        );
    }
}

#[test]
fn who_it_was_is_in_the_claims_where_the_caller_is_missing() {
    for (claims, name, email) in [
        (
            json!({UPN: "ada@contoso.com"}),
            json!("ada@contoso.com"),
            json!("ada@contoso.com"),
        ),
        (
            json!({"upn": "ada@contoso.com"}),
            json!("ada@contoso.com"),
            json!("ada@contoso.com"),
        ),
        (
            json!({NAME: "ada@contoso.com", "name": "Ada"}),
            json!("ada@contoso.com"),
            json!("ada@contoso.com"),
        ),
        (
            json!({EMAIL: "ada@contoso.com"}),
            json!("ada@contoso.com"),
            json!("ada@contoso.com"),
        ),
        (
            json!({NAME: "live.com#ada@example.com"}),
            json!("ada@example.com"),
            json!("ada@example.com"),
        ),
        (
            json!({UPN: " LIVE.COM#ada@example.com "}),
            json!("ada@example.com"),
            json!("ada@example.com"),
        ),
        (
            json!({UPN: "ada_example.com#EXT#@contoso.com"}),
            json!("ada_example.com#EXT#@contoso.com"),
            json!("ada_example.com#EXT#@contoso.com"),
        ),
        (
            json!({NAME: "backup", EMAIL: "ada@contoso.com"}),
            json!("backup"),
            json!("ada@contoso.com"),
        ),
        (
            json!({"appid": "cccc0000-0000-4000-8000-0000000000aa"}),
            Value::Null,
            Value::Null,
        ),
        (json!({}), Value::Null, Value::Null),
    ] {
        let record = record(json!({ "claims": claims }));
        let event = ecs(&record);
        assert_at(
            &record,
            &event,
            &[
                ("user.name", name.clone()),
                ("user.email", email.clone()),
                ("source.user.name", name.clone()),
            ],
        );
        let ocsf = body(Format::Ocsf, &record);
        let expected = if email.is_null() { &name } else { &email };
        assert_eq!(&ocsf["actor"]["user"]["name"], expected, "{record}");
        let envelope = body(Format::Aisoc, &record);
        assert_eq!(envelope["actor"], name.as_str().unwrap_or_default(), "{record}");
    }
    let record = record(json!({"caller": "live.com#ada@example.com"}));
    assert_at(
        &record,
        &ecs(&record),
        &[
            ("user.name", json!("ada@example.com")),
            ("user.email", json!("ada@example.com")),
            ("user.domain", json!("example.com")),
        ],
    );
}

#[test]
fn a_record_without_a_category_is_typed_by_its_operation() {
    for (operation, category, kind) in [
        (
            "Microsoft.Compute/virtualMachines/delete",
            json!(["api", "configuration"]),
            json!(["deletion", "end"]),
        ),
        (
            "Microsoft.Network/virtualNetworks/write",
            json!(["api", "network"]),
            json!(["change", "end"]),
        ),
        (
            "Microsoft.Authorization/roleAssignments/delete",
            json!(["api", "iam"]),
            json!(["deletion", "admin", "end"]),
        ),
        (
            "Microsoft.Authorization/policies/deny/action",
            json!(["api", "configuration"]),
            json!(["change", "end", "denied"]),
        ),
        (
            "Microsoft.Insights/AutoscaleSettings/Scaleup/Action",
            json!(["configuration"]),
            json!(["change"]),
        ),
        (
            "Microsoft.Security/locations/alerts/activate/action",
            json!(["intrusion_detection"]),
            json!(["info"]),
        ),
        (
            "Microsoft.ServiceHealth/incident/action",
            json!(["configuration"]),
            json!(["info"]),
        ),
    ] {
        for given in [
            Value::Null,
            json!({}),
            json!({"value": ""}),
            json!({"value": "Write"}),
        ] {
            let record = record(json!({"operationName": {"value": operation}, "category": given}));
            assert_at(
                &record,
                &ecs(&record),
                &[("event.category", category.clone()), ("event.type", kind.clone())],
            );
        }
    }
}

#[test]
fn guard_rails_are_configuration_and_rights_are_identity() {
    for (operation, expected) in [
        ("policies/audit/action", "configuration"),
        ("policyAssignments/delete", "configuration"),
        ("policyDefinitions/write", "configuration"),
        ("policySetDefinitions/delete", "configuration"),
        ("policyExemptions/write", "configuration"),
        ("locks/delete", "configuration"),
        ("denyAssignments/delete", "iam"),
        ("roleManagementPolicies/write", "iam"),
        ("classicAdministrators/delete", "iam"),
        ("elevateAccess/action", "iam"),
    ] {
        let record =
            record(json!({"operationName": {"value": format!("Microsoft.Authorization/{operation}")}}));
        assert_eq!(
            at(&ecs(&record), "event.category"),
            &json!(["api", expected]),
            "{operation}"
        );
    }
}

#[test]
fn the_resource_is_named_elsewhere_where_its_own_member_is_missing() {
    let site = format!("{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Web/sites/shop");
    for more in [
        json!({"authorization": {"scope": site}}),
        json!({"id": format!("{site}/events/00000000-0000-4000-8000-000000000001/ticks/639041009000000013")}),
        json!({"resourceUri": site}),
    ] {
        for missing in [Value::Null, json!("")] {
            let mut record = record(more.clone());
            record["resourceId"] = missing;
            assert_at(
                &record,
                &ecs(&record),
                &[
                    ("azure.activity_logs.resource.id", json!(site)),
                    ("azure.activity_logs.resource.name", json!("shop")),
                    ("azure.activity_logs.resource.group", json!("web")),
                    ("cloud.account.id", json!("11111111-2222-4333-8444-555555555555")),
                    ("cloud.service.name", json!("Microsoft.Web")),
                ],
            );
            assert_eq!(body(Format::Ocsf, &record)["resources"][0]["uid"], site);
            assert_eq!(body(Format::Aisoc, &record)["resource_id"], site);
        }
    }
}

#[test]
fn an_alert_of_defender_names_what_was_hit_and_with_what_aim() {
    for (intent, expected) in [
        (
            json!("[\"Persistence\",\"Execution\"]"),
            json!(["Persistence", "Execution"]),
        ),
        (json!(["Persistence"]), json!(["Persistence"])),
        (
            json!("Persistence, Execution"),
            json!(["Persistence", "Execution"]),
        ),
        (json!("Persistence"), json!(["Persistence"])),
        (json!("[\"Persistence\""), json!(["Persistence"])),
        (json!(""), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let record = record(json!({
            "category": {"value": "Security"},
            "operationName": {"value": "Microsoft.Security/locations/alerts/activate/action"},
            "status": {"value": "Active"},
            "properties": {
                "severity": "High",
                "compromisedEntity": "vm-7",
                "attackedResourceType": "Virtual Machine",
                "actionTaken": "Detected",
                "username": "ada",
                "intent": intent,
            },
        }));
        assert_at(
            &record,
            &ecs(&record),
            &[
                ("azure.activity_logs.security.compromised_entity", json!("vm-7")),
                (
                    "azure.activity_logs.security.attacked_resource_type",
                    json!("Virtual Machine"),
                ),
                ("azure.activity_logs.security.action_taken", json!("Detected")),
                ("azure.activity_logs.security.user_name", json!("ada")),
                ("azure.activity_logs.security.intent", expected.clone()),
                ("threat.tactic.name", expected),
                ("host.name", json!("vm-7")),
                ("related.hosts", json!(["vm-7"])),
                ("process.user.name", json!("ada")),
                ("azure.activity_logs.severity.name", json!("high")),
                ("event.outcome", Value::Null),
            ],
        );
    }
}

#[test]
fn a_state_has_no_outcome_and_what_was_done_has() {
    for (category, status, expected) in [
        ("Alert", "Activated", Value::Null),
        ("Alert", "Succeeded", Value::Null),
        ("Alert", "Resolved", Value::Null),
        ("ResourceHealth", "Active", Value::Null),
        ("ResourceHealth", "In Progress", Value::Null),
        ("ResourceHealth", "Updated", Value::Null),
        ("ServiceHealth", "Active", Value::Null),
        ("ServiceHealth", "Resolved", Value::Null),
        ("Security", "Active", Value::Null),
        ("Recommendation", "Active", Value::Null),
        ("Autoscale", "Active", Value::Null),
        ("Autoscale", "Failed", json!("failure")),
        ("Administrative", "Active", Value::Null),
        ("Administrative", "Succeeded", json!("success")),
        ("Policy", "Failed", json!("failure")),
    ] {
        let record = record(json!({"category": {"value": category}, "status": {"value": status}}));
        assert_at(&record, &ecs(&record), &[("event.outcome", expected.clone())]);
        let id = body(Format::Ocsf, &record)["status_id"].as_u64().unwrap();
        let expected = match expected.as_str() {
            Some("success") => 1,
            Some("failure") => 2,
            _ => 99,
        };
        assert_eq!(id, expected, "{record}");
    }
}
