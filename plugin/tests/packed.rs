//! Objects that came as JSON text, or inside another object.

mod records;

use azure_activity::format::Format;
use records::{GRACE, OWNER, SUBSCRIPTION, UPN, assert_at, assignment, at, body, ecs, record};
use serde_json::{Value, json};

#[test]
fn an_object_as_json_text_says_the_same_as_the_object() {
    let whole = record(json!({
        "operationName": {"value": "Microsoft.Authorization/roleAssignments/write"},
        "authorization": {"action": "Microsoft.Authorization/roleAssignments/write", "scope": SUBSCRIPTION, "role": "Owner"},
        "claims": {UPN: "ada@contoso.com", "name": "Ada Okafor", "appid": "cccc0000-0000-4000-8000-0000000000aa", "oid": GRACE, "ipaddr": "198.51.100.1"},
        "httpRequest": {"clientIpAddress": "203.0.113.7", "method": "PUT", "clientRequestId": "r1"},
        "properties": {"statusCode": "Created", "requestbody": assignment(OWNER, json!({}))},
    }));
    let plain = |record: &Value| {
        let mut event = ecs(record);
        event["event"].as_object_mut().unwrap().remove("original");
        event
    };
    let expected = plain(&whole);
    for part in ["authorization", "claims", "httpRequest", "properties"] {
        let mut packed = whole.clone();
        packed[part] = json!(whole[part].to_string());
        assert_eq!(plain(&packed), expected, "{part}");
        // The record as received stays as it was.
        for (format, path) in [(Format::Ecs, "event.original"), (Format::Ocsf, "raw_data")] {
            let body = body(format, &packed);
            let original: Value = serde_json::from_str(at(&body, path).as_str().unwrap()).unwrap();
            assert_eq!(original, packed, "{part}");
        }
        assert_eq!(body(Format::Raw, &packed), packed, "{part}");
        assert_eq!(body(Format::Aisoc, &packed)["raw_event"], packed, "{part}");
    }
    let mut all = whole.clone();
    for part in ["authorization", "claims", "httpRequest", "properties"] {
        all[part] = json!(whole[part].to_string());
    }
    assert_eq!(plain(&all), expected);
}

#[test]
fn claims_and_authorization_are_found_inside_an_identity() {
    let identity = json!({
        "claims": {UPN: "ada@contoso.com", "name": "Ada Okafor", "oid": GRACE},
        "authorization": {"scope": SUBSCRIPTION, "action": "Microsoft.Web/sites/write"},
    });
    for identity in [identity.clone(), json!(identity.to_string())] {
        let record = record(json!({ "identity": identity }));
        assert_at(
            &record,
            &ecs(&record),
            &[
                ("user.id", json!(GRACE)),
                ("user.name", json!("ada@contoso.com")),
                ("user.full_name", json!("Ada Okafor")),
                ("observer.name", json!("Ada Okafor")),
                ("azure.activity_logs.authorization.scope", json!(SUBSCRIPTION)),
            ],
        );
    }
    let record = record(
        json!({"caller": "grace@contoso.com", "claims": {UPN: "grace@contoso.com"}, "identity": identity}),
    );
    assert_at(
        &record,
        &ecs(&record),
        &[
            ("user.name", json!("grace@contoso.com")),
            ("user.id", Value::Null),
        ],
    );
}

#[test]
fn json_text_that_is_cut_off_keeps_what_came_before_and_nonsense_costs_nothing() {
    let claims = json!({UPN: "ada@contoso.com", "name": "Ada Okafor", "wids": "x".repeat(100)}).to_string();
    let cut = &claims[..claims.len() - 60];
    let packed = record(json!({ "claims": cut }));
    let event = ecs(&packed);
    let known = [at(&event, "user.name"), at(&event, "user.full_name")];
    assert!(
        known.contains(&&json!("Ada Okafor")) || known.contains(&&json!("ada@contoso.com")),
        "{event}"
    );
    for text in [
        "", " ", "nonsense", "{", "[", "[1", "{\"a\"", "7", "\"ada\"", "null", "[{}",
    ] {
        for part in ["authorization", "claims", "httpRequest", "properties", "identity"] {
            let record = record(json!({ part: text, "caller": "ada@contoso.com" }));
            let event = ecs(&record);
            assert_eq!(at(&event, "user.name"), "ada@contoso.com", "{part} {text}");
            assert_eq!(
                at(&event, "event.type"),
                &json!(["change", "end"]),
                "{part} {text}"
            );
        }
    }
}
