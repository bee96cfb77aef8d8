//! What records become: fields, ratings, and what is no event.

#![allow(clippy::unwrap_used, reason = "a panic in the model is a failed claim")]

use entra_audit::EntraAudit;
use entra_audit::facts::Facts;
use entra_audit::rating::{Severity, rate};
use headwater_source::contract::Batch;
use headwater_source::testing::Answers;
use headwater_source::{Component, Timed};
use serde_json::{Value, json};

const CONFIG: &str = r#""tenant_id":"AAAAAAAA-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
    "client_secret":"example~secret","start":"1h""#;

/// Polls a log that shows these records on one page.
fn poll(more: &str, records: &Value) -> (Batch, Answers) {
    poll_of("directoryAudits", more, records)
}

fn poll_of(log: &str, more: &str, records: &Value) -> (Batch, Answers) {
    let page = json!({ "value": records }).to_string();
    let mut upstream = Answers::new([(200, r#"{"access_token":"t","expires_in":3600}"#), (200, &page)]);
    let request = headwater_source::contract::Request {
        config: format!("{{{CONFIG}{more}}}"),
        partition: format!("tenants/aaaaaaaa-0000-0000-0000-000000000001/{log}"),
        cursor: None,
        session: None,
        budget: headwater_source::contract::Budget {
            max_events: 100,
            max_bytes: 1 << 20,
            deadline: 60_000_000_000,
        },
    };
    let batch = Timed::<EntraAudit>::poll(&mut upstream, &request).unwrap();
    (batch, upstream)
}

fn role_given() -> Value {
    json!({
        "id": "Directory_1", "category": "RoleManagement", "correlationId": "cccccccc-0000-0000-0000-000000000003",
        "result": "success", "resultReason": "", "activityDisplayName": "Add member to role",
        "activityDateTime": "2026-03-01T11:30:00.1234567Z", "loggedByService": "Core Directory", "operationType": "Assign",
        "initiatedBy": { "app": null, "user": {
            "id": "dddddddd-0000-0000-0000-000000000004", "displayName": "Ada", "userPrincipalName": "ada@contoso.example",
            "ipAddress": "203.0.113.7", "userType": null,
        } },
        "targetResources": [
            { "id": "eeeeeeee-0000-0000-0000-000000000005", "displayName": null, "type": "User",
              "userPrincipalName": "grace@contoso.example", "groupType": null, "modifiedProperties": [
                { "displayName": "Role.ObjectID", "oldValue": null, "newValue": "\"ffffffff-0000-0000-0000-000000000006\"" },
                { "displayName": "Role.DisplayName", "oldValue": null, "newValue": "\"Global Administrator\"" },
              ] },
        ],
        "additionalDetails": [{ "key": "User-Agent", "value": "Mozilla/5.0" }],
    })
}

#[test]
fn a_role_that_was_given_is_an_event_with_people_role_rating_and_technique() {
    let (batch, upstream) = poll(r#","labels":{"tenant":"contoso"}"#, &json!([role_given()]));
    let event = &batch.events[0];
    assert_eq!((event.id.as_str(), event.severity), ("Directory_1", 17));
    let body: Value = serde_json::from_str(&event.body).unwrap();
    insta::assert_json_snapshot!(body, { ".observer.version" => "[version]", ".event.original" => "[record]" });
    assert_eq!(
        serde_json::from_str::<Value>(body["event"]["original"].as_str().unwrap()).unwrap(),
        role_given()
    );
    // The token is for Microsoft Graph, and is asked for where the tenant logs in.
    let login = &upstream.requests[0];
    assert_eq!(
        login.url,
        "https://login.microsoftonline.com/AAAAAAAA-0000-0000-0000-000000000001/oauth2/v2.0/token"
    );
    assert!(
        String::from_utf8_lossy(&login.body).contains("scope=https%3A%2F%2Fgraph.microsoft.com%2F.default")
    );
}

fn sign_in() -> Value {
    json!({
        "id": "66666666-0000-0000-0000-000000000006", "createdDateTime": "2026-03-01T11:40:00Z",
        "userDisplayName": "Ada", "userPrincipalName": "ada@contoso.example", "userId": "dddddddd-0000-0000-0000-000000000004",
        "appId": "77777777-0000-0000-0000-000000000007", "appDisplayName": "Portal", "ipAddress": "203.0.113.7",
        "clientAppUsed": "Browser", "correlationId": "cccccccc-0000-0000-0000-000000000003",
        "conditionalAccessStatus": "success", "isInteractive": true, "riskDetail": "none", "riskLevelAggregated": "high",
        "riskLevelDuringSignIn": "high", "riskState": "atRisk", "riskEventTypes": [], "riskEventTypes_v2": ["unlikelyTravel"],
        "resourceDisplayName": "Microsoft Graph", "resourceId": "00000003-0000-0000-c000-000000000000",
        "status": { "errorCode": 0, "failureReason": "Other.", "additionalDetails": null },
        "deviceDetail": { "deviceId": "", "displayName": null, "operatingSystem": "Windows 10", "browser": "Edge 80.0.361",
            "isCompliant": null, "isManaged": true, "trustType": null },
        "location": { "city": "Redmond", "state": "Washington", "countryOrRegion": "US",
            "geoCoordinates": { "altitude": null, "latitude": 47.5, "longitude": -122.25 } },
        "appliedConditionalAccessPolicies": [],
    })
}

#[test]
fn a_sign_in_is_an_authentication_with_its_place_its_device_and_its_risk() {
    let (batch, upstream) = poll_of("signIns", "", &json!([sign_in()]));
    assert_eq!(batch.events[0].severity, 17);
    let body: Value = serde_json::from_str(&batch.events[0].body).unwrap();
    insta::assert_json_snapshot!(body, { ".observer.version" => "[version]", ".event.original" => "[record]" });
    let page = &upstream.requests[1].url;
    assert!(
        page.contains("/v1.0/auditLogs/signIns?$filter=createdDateTime%20ge%20"),
        "{page}"
    );
    assert!(!page.contains("orderby"), "{page}");
}

#[test]
fn a_sign_in_that_failed_says_why_and_is_no_more_than_medium() {
    let mut record = sign_in();
    record["status"] = json!({ "errorCode": 50126, "failureReason": "Invalid username or password." });
    let (batch, _) = poll_of("signIns", "", &json!([record]));
    let body: Value = serde_json::from_str(&batch.events[0].body).unwrap();
    assert_eq!(body["event"]["outcome"], "failure");
    assert_eq!(body["event"]["severity"], 47);
    assert_eq!(
        body["error"],
        json!({ "code": "50126", "message": "Invalid username or password." })
    );
    assert_eq!(
        body["message"],
        "ada@contoso.example: sign-in to Microsoft Graph with Portal: failure: Invalid username or password."
    );
}

#[test]
fn each_log_of_a_tenant_is_a_partition_of_its_own() {
    let find = |logs: &str| {
        let config = format!("{{{CONFIG}{logs}}}");
        let found = Timed::<EntraAudit>::discover(&mut Answers::default(), &config, None, 60_000_000_000);
        found
            .unwrap()
            .partitions
            .into_iter()
            .map(|partition| partition.id)
            .collect::<Vec<_>>()
    };
    let tenant = "tenants/aaaaaaaa-0000-0000-0000-000000000001";
    assert_eq!(find(""), [format!("{tenant}/directoryAudits")]);
    assert_eq!(
        find(r#","logs":["signIns","directoryAudits"]"#),
        [format!("{tenant}/signIns"), format!("{tenant}/directoryAudits")]
    );
}

#[test]
fn the_raw_format_keeps_the_record_on_one_line() {
    let (batch, _) = poll(r#","format":"raw""#, &json!([role_given()]));
    assert_eq!(
        serde_json::from_str::<Value>(&batch.events[0].body).unwrap(),
        role_given()
    );
    assert_eq!(batch.events[0].severity, 17);
}

#[test]
fn an_application_is_a_user_too_and_what_is_of_another_type_is_left_out() {
    let (batch, _) = poll(
        "",
        &json!([{
            "id": "Directory_2", "activityDateTime": "2026-03-01T11:30:00Z", "activityDisplayName": "Add user",
            "category": "UserManagement", "result": "failure", "resultReason": "no licence",
            "initiatedBy": { "user": null, "app": { "displayName": "Sync", "servicePrincipalId": "99999999-0000-0000-0000-000000000009" } },
            "targetResources": 7, "additionalDetails": "none",
        }]),
    );
    let body: Value = serde_json::from_str(&batch.events[0].body).unwrap();
    assert_eq!(
        body["user"],
        json!({ "id": "99999999-0000-0000-0000-000000000009", "name": "Sync" })
    );
    assert_eq!(body["event"]["type"], json!(["creation", "user"]));
    assert_eq!(body["event"]["severity"], 21);
    assert_eq!(body["message"], "Sync: Add user: failure");
    assert_eq!(body.get("source"), None);
}

#[test]
fn what_is_no_record_is_kept_with_the_reason_and_reading_goes_on_behind_it() {
    let odd = json!([7, { "id": "a" }, { "activityDateTime": "2026-03-01T11:30:00Z" }, role_given()]);
    let (batch, _) = poll("", &odd);
    assert_eq!(
        (batch.events.len(), batch.rejected.len(), batch.caught_up),
        (1, 3, true)
    );
    assert!(
        batch
            .rejected
            .iter()
            .all(|rejected| rejected.reason.contains("activityDateTime"))
    );
}

#[test]
fn ratings_follow_the_activity_and_what_was_changed() {
    let change = |name: &str, old: &str, new: &str| json!([{ "type": "Other", "modifiedProperties": [{ "displayName": name, "oldValue": old, "newValue": new }] }]);
    let role = |name: &str| change("Role.DisplayName", "", &format!("{name:?}"));
    let policy = |old: &str, new: &str| {
        change(
            "ConditionalAccessPolicy",
            &json!({ "state": old }).to_string(),
            &json!({ "state": new }).to_string(),
        )
    };
    for (activity, targets, severity) in [
        ("Add member to role", role("Global Administrator"), Severity::High),
        (
            "Add member to role",
            role("Message Center Reader"),
            Severity::Medium,
        ),
        (
            "Add member to role in PIM completed (permanent)",
            role("Security Administrator"),
            Severity::High,
        ),
        (
            "Add member to role completed (PIM activation)",
            role("Security Administrator"),
            Severity::Medium,
        ),
        (
            "Add eligible member (permanent)",
            role("User Administrator"),
            Severity::High,
        ),
        (
            "Update application \u{2013} Certificates and secrets management ",
            json!([]),
            Severity::High,
        ),
        (
            "Consent to application",
            change("ConsentContext.IsAdminConsent", "", "\"True\""),
            Severity::High,
        ),
        (
            "Consent to application",
            change("ConsentContext.IsAdminConsent", "", "\"False\""),
            Severity::Medium,
        ),
        (
            "Add delegated permission grant",
            change("DelegatedPermissionGrant.ConsentType", "", "\"AllPrincipals\""),
            Severity::High,
        ),
        (
            "Update conditional access policy",
            policy("enabled", "disabled"),
            Severity::High,
        ),
        (
            "Update conditional access policy",
            policy("disabled", "enabled"),
            Severity::Medium,
        ),
        (
            "Update conditional access policy",
            policy("disabled", "disabled"),
            Severity::Medium,
        ),
        ("Delete conditional access policy", json!([]), Severity::High),
        ("Set federation settings on domain", json!([]), Severity::High),
        (
            "Update user",
            change("UserType", "[\"Guest\"]", "[\"Member\"]"),
            Severity::Medium,
        ),
        ("Update user", change("DisplayName", "a", "b"), Severity::Info),
        (
            "Update application",
            change("AppAddress", "", "[]"),
            Severity::Medium,
        ),
        (
            "User has elevated their access to User Access Administrator for their Azure Resources",
            json!([]),
            Severity::Critical,
        ),
        ("Something else", json!([]), Severity::Info),
    ] {
        let mut record =
            json!({ "activityDisplayName": activity, "result": "success", "targetResources": targets });
        let rating = rate(&Facts::of(&record));
        assert_eq!(rating.severity, severity, "{activity} {targets}");
        record["result"] = "failure".into();
        let failed = rate(&Facts::of(&record));
        assert!(failed.severity <= Severity::Medium, "{activity}");
    }
    let tap = json!({ "activityDisplayName": "Admin registered security info", "result": "success",
        "resultReason": "Admin registered temporary access pass method for user" });
    assert_eq!(rate(&Facts::of(&tap)).severity, Severity::High);
}

#[test]
fn a_new_login_is_tried_once_and_a_refusal_is_no_empty_page() {
    let token = r#"{"access_token":"t","expires_in":3600}"#;
    let mut upstream = Answers::new([(200, token), (401, "{}"), (200, token), (401, "{}")]);
    let request = headwater_source::contract::Request {
        config: format!("{{{CONFIG}}}"),
        partition: "tenants/aaaaaaaa-0000-0000-0000-000000000001/directoryAudits".to_owned(),
        cursor: None,
        session: None,
        budget: headwater_source::contract::Budget {
            max_events: 100,
            max_bytes: 1 << 20,
            deadline: 60_000_000_000,
        },
    };
    // The token that was just obtained is refused: no use to try again.
    let error = Timed::<EntraAudit>::poll(&mut upstream, &request).unwrap_err();
    assert_eq!((error.code, upstream.requests.len()), ("graph.invalid_token", 2));
}
