//! What Elastic's prebuilt rules ask of a document, on the format that they are written for.

mod records;

use azure_activity::format::Format;
use records::{GRACE, OWNER, SUBSCRIPTION, assert_at, assignment, at, body, record};
use serde_json::{Value, json};

fn elastic(record: &Value) -> Value {
    body(Format::Elastic, record)
}

#[test]
fn the_data_set_and_the_operation_are_named_as_rules_ask() {
    let record = record(json!({
        "operationName": {"value": "Microsoft.Network/networkWatchers/delete"},
        "correlationId": "c0441a00-0000-4000-8000-000000000001",
        "subStatus": {"value": "OK"},
        "resourceId": format!("{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkWatchers/nw"),
    }));
    assert_at(
        &record,
        &elastic(&record),
        &[
            ("data_stream.dataset", json!("azure.activitylogs")),
            ("event.dataset", json!("azure.activitylogs")),
            ("event.module", json!("azure")),
            ("event.action", json!("MICROSOFT.NETWORK/NETWORKWATCHERS/DELETE")),
            ("event.outcome", json!("success")),
            ("event.type", json!(["deletion"])),
            (
                "azure.activitylogs.operation_name",
                json!("MICROSOFT.NETWORK/NETWORKWATCHERS/DELETE"),
            ),
            ("azure.activitylogs.result_type", json!("Success")),
            ("azure.activitylogs.result_signature", json!("Succeeded.OK")),
            (
                "azure.correlation_id",
                json!("c0441a00-0000-4000-8000-000000000001"),
            ),
            ("azure.resource.group", json!("NET")),
            (
                "azure.resource.provider",
                json!("MICROSOFT.NETWORK/NETWORKWATCHERS"),
            ),
            ("azure.resource.name", json!("NW")),
            ("event.ingested", Value::Null),
        ],
    );
}

#[test]
fn the_outcome_is_named_only_where_there_is_one() {
    for (status, outcome, result) in [
        ("Succeeded", json!("success"), "Success"),
        ("Failed", json!("failure"), "Failure"),
        ("Canceled", json!("failure"), "Canceled"),
        ("Started", Value::Null, "Start"),
        ("Accepted", Value::Null, "Accept"),
        ("Active", Value::Null, "Active"),
    ] {
        let record = record(json!({"status": {"value": status}}));
        assert_at(
            &record,
            &elastic(&record),
            &[
                ("event.outcome", outcome),
                ("azure.activitylogs.result_type", json!(result)),
            ],
        );
    }
}

#[test]
fn a_role_is_found_inside_the_body_of_the_request_in_either_casing() {
    let small = assignment(OWNER, json!({}));
    let capital = format!(
        r#"{{"Id":"1","Properties":{{"PrincipalId":"{GRACE}","RoleDefinitionId":"/x/roleDefinitions/{OWNER}"}}}}"#
    );
    let object = serde_json::from_str::<Value>(&small).unwrap();
    for given in [json!(small), json!(capital), object] {
        for name in ["requestbody", "requestBody"] {
            let record = record(json!({
                "operationName": {"value": "Microsoft.Authorization/roleAssignments/write"},
                "properties": {name: given},
            }));
            let event = elastic(&record);
            let role = at(
                &event,
                "azure.activitylogs.properties.requestbody.properties.roleDefinitionId",
            );
            assert!(
                role.as_str().is_some_and(|role| role.contains(OWNER)),
                "{record} became {event}"
            );
        }
    }
}

#[test]
fn a_body_that_is_no_object_is_text_under_another_name() {
    for text in ["cut {", "[1,2]", "{\"a\":{\"b\":1}", "plain"] {
        let record = record(json!({"properties": {"requestbody": text}}));
        let event = elastic(&record);
        assert_at(
            &record,
            &event,
            &[
                ("azure.activitylogs.properties.requestbody", Value::Null),
                ("azure.activitylogs.properties.requestbody_text", json!(text)),
            ],
        );
    }
}

#[test]
fn the_body_of_the_response_stays_text() {
    let text = r#"{"properties":{"allowBlobPublicAccess":true}}"#;
    let record = record(json!({"properties": {"responseBody": text, "statusCode": "Accepted"}}));
    assert_at(
        &record,
        &elastic(&record),
        &[
            ("azure.activitylogs.properties.responseBody", json!(text)),
            ("azure.activitylogs.properties.status_code", json!("Accepted")),
            ("azure.activitylogs.properties.statusCode", Value::Null),
        ],
    );
}

#[test]
fn who_it_was_is_named_in_claims_evidence_and_user() {
    let upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
    let record = record(json!({
        "caller": "ada@contoso.com",
        "claims": {"oid": GRACE, "idtyp": "user", "appid": "a1", "name": "Ada Okafor", upn: "ada@contoso.com"},
        "authorization": {"action": "Microsoft.Web/sites/write", "scope": SUBSCRIPTION, "role": "Owner"},
    }));
    let event = elastic(&record);
    assert_at(
        &record,
        &event,
        &[
            ("user.name", json!("ada")),
            ("user.domain", json!("contoso.com")),
            ("user.email", json!("ada@contoso.com")),
            ("user.full_name", json!("Ada Okafor")),
        ],
    );
    let identity = at(&event, "azure.activitylogs.identity");
    assert_at(
        &record,
        identity,
        &[
            (
                "authorization.evidence.principal_id",
                json!(GRACE.replace('-', "")),
            ),
            ("authorization.evidence.principal_type", json!("User")),
            ("authorization.evidence.role", json!("Owner")),
            ("claims_initiated_by_user.name", json!("ada@contoso.com")),
            ("claims_initiated_by_user.fullname", json!("Ada Okafor")),
            ("claims.appid", json!("a1")),
        ],
    );
    assert_eq!(
        identity["claims"]["http://schemas_xmlsoap_org/ws/2005/05/identity/claims/upn"],
        "ada@contoso.com"
    );
}

#[test]
fn a_resource_is_taken_apart_as_the_integration_does() {
    let group = format!("{SUBSCRIPTION}/resourceGroups/Shop");
    for (id, name, provider) in [
        (
            format!(
                "{group}/providers/Microsoft.Compute/virtualMachines/vm/extensions/CustomScriptExtension"
            ),
            json!("VM/EXTENSIONS/CUSTOMSCRIPTEXTENSION"),
            json!("MICROSOFT.COMPUTE/VIRTUALMACHINES"),
        ),
        (group.clone(), Value::Null, Value::Null),
        (
            format!("{group}/providers/Microsoft.EventHub/namespaces/n/authorizationRules/r"),
            Value::Null,
            json!("MICROSOFT.EVENTHUB"),
        ),
    ] {
        let record = record(json!({"resourceId": id}));
        assert_at(
            &record,
            &elastic(&record),
            &[
                ("azure.resource.id", json!(id.to_uppercase())),
                ("azure.resource.group", json!("SHOP")),
                ("azure.resource.name", name),
                ("azure.resource.provider", provider),
            ],
        );
    }
}
