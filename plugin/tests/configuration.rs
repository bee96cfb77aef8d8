//! What an operator is told about a configuration, before any network traffic.

#![allow(clippy::unwrap_used, reason = "a panic in the helper is a failed claim")]

use azure_activity::source;

const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const CLIENT: &str = "bbbbbbbb-0000-0000-0000-000000000002";
const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

/// A good configuration with some keys changed or added.
fn with(change: &str) -> String {
    let good = format!(
        r#"{{"tenant_id":"{TENANT}","client_id":"{CLIENT}","client_secret":"s","subscription_id":"{SUBSCRIPTION}"}}"#
    );
    let mut config: serde_json::Map<_, _> = serde_json::from_str(&good).unwrap();
    let change: serde_json::Map<_, _> = serde_json::from_str(change).unwrap();
    config.extend(change);
    serde_json::Value::Object(config).to_string()
}

/// What is said about a configuration, one line per issue or warning.
fn said(config: &str) -> String {
    match source::validate(config) {
        Ok(plan) => {
            let warnings = plan
                .warnings
                .iter()
                .map(|warning| format!("\n  warning {} {}", warning.pointer, warning.message));
            format!("good: {}{}", plan.origins.join(" "), warnings.collect::<String>())
        }
        Err(issues) => issues
            .iter()
            .map(|issue| format!("{} {}", issue.pointer, issue.message))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn every_issue_names_its_place_and_the_remedy() {
    let cases = [
        r#"{"tenantid":"x"}"#,
        r#"{"a/b~c":1}"#,
        r#"{"tenant_id":null,"client_id":7}"#,
        r#"{"tenant_id":"contoso","client_id":"contoso"}"#,
        r#"{"client_secret":null}"#,
        r#"{"client_assertion":"a.b.c"}"#,
        r#"{"client_secret":null,"client_assertion":"text"}"#,
        r#"{"client_secret":null,"client_certificate":"text"}"#,
        r#"{"client_secret":"  "}"#,
        r#"{"client_secret":"${AZURE_CLIENT_SECRET}"}"#,
        r#"{"client_secret":"$AZURE_CLIENT_SECRET"}"#,
        r#"{"client_secret":"%AZURE_CLIENT_SECRET%"}"#,
        r#"{"client_secret":"{{ secret }}"}"#,
        r#"{"client_secret":"<the client secret>"}"#,
        r#"{"client_secret":null,"client_assertion":"$(cat token)"}"#,
        r#"{"subscription_id":null}"#,
        r#"{"subscription_id":[]}"#,
        r#"{"subscription_id":["11111111-2222-3333-4444-555555555555","11111111-2222-3333-4444-555555555555","x",1]}"#,
        r#"{"subscription_id":"all"}"#,
        r#"{"tenant_log":"yes"}"#,
        r#"{"cloud":"usgovernment"}"#,
        r#"{"cloud":{"authority":"http://login.example.com","resource_manager":"https://arm.example.com/path"}}"#,
        r#"{"cloud":{"authorty":"https://login.example.com"}}"#,
        r#"{"cloud":7}"#,
        r#"{"start":"yesterday","lookback":"30","window":"30s"}"#,
        r#"{"start":5,"lookback":"8d"}"#,
        r#"{"filter":"x"}"#,
        r#"{"filter":{"resource_group":"a","resource_id":"b"}}"#,
        r#"{"filter":{"resource_id":"vm1"}}"#,
        r#"{"filter":{"correlation_id":"a\nb"}}"#,
        r#"{"filter":{"group":"a"}}"#,
        r#"{"format":"cef","drop":"*/read"}"#,
        r#"{"drop":["*/read",{"level":"Loud"}],"severity":[{"operation":"*/write"}]}"#,
        r#"{"labels":["a"]}"#,
        r#"{"labels":{"a.b":"x","":"x","ok":7,"env":"prod"}}"#,
        r#"{"phases":"end"}"#,
        r#"{"phases":["start","finish"]}"#,
        r#"{"phases":[]}"#,
        r#"{"phases":["end"],"lookback":"0"}"#,
        r#"{"colour":"red","flavour":"sweet","tenant_log":1}"#,
    ];
    let mut report = String::new();
    for case in cases {
        report += &format!("{case}\n{}\n\n", said(&with(case)));
    }
    for case in ["", "[]", "{\"tenant_id\":", "{}"] {
        report += &format!("{case}\n{}\n\n", said(case));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn good_configurations_name_the_origins_they_need() {
    let cases = [
        "{}",
        r#"{"tenant_id":"Contoso.OnMicrosoft.com","subscription_id":"*"}"#,
        r#"{"subscription_id":null,"tenant_log":true}"#,
        r#"{"subscription_id":["11111111-2222-3333-4444-55555555AAAA"]}"#,
        r#"{"client_secret":null,"client_assertion":"head.body.sign"}"#,
        r#"{"cloud":"china"}"#,
        r#"{"cloud":{"authority":"http://127.0.0.1:8080","resource_manager":"http://127.0.0.1:8080/"}}"#,
        r#"{"start":"now","lookback":"0","window":"1m","drop":[],"filter":{"resource_group":"O'Brien"}}"#,
        r#"{"start":"2026-01-31T00:00:00+01:00","lookback":"45m","format":"ocsf"}"#,
        r#"{"client_secret":"cccccccc-0000-0000-0000-000000000003"}"#,
        r#"{"start":"120d"}"#,
        r#"{"start":"90d"}"#,
        r#"{"format":"otel","labels":{"tenant":"contoso"},"phases":["end"]}"#,
    ];
    let mut report = String::new();
    for case in cases {
        report += &format!("{case}\n{}\n\n", said(&with(case)));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn no_issue_repeats_a_secret() {
    for case in [
        r#"{"client_secret":["hunter2"]}"#,
        r#"{"client_secret":null,"client_assertion":"hunter2"}"#,
        r#"{"client_secret":"hunter2","client_assertion":"hunter2"}"#,
        r#"{"tenant_id":"hunter2 ","client_id":"hunter2"}"#,
    ] {
        let said = said(&with(case));
        assert!(!said.contains("hunter2"), "{said}");
    }
}
