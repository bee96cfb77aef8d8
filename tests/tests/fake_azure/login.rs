//! The token endpoint.

use fake_azure::scenario::example::{CLIENT_ID, DOMAIN, TENANT};
use fake_azure::{Answer, Settings};

use crate::client::{Client, body};

fn refusal(answer: &Answer) -> (u16, String, u64) {
    let body = body(answer);
    let number = body["error_codes"][0].as_u64().unwrap();
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{number}: ")),
        "{description}"
    );
    (
        answer.status().as_u16(),
        body["error"].as_str().unwrap().to_owned(),
        number,
    )
}

#[test]
fn a_good_request_gets_a_token_that_works() {
    let mut client = Client::new(Settings::default());
    let cases: [(&str, &[(&str, &str)]); 4] = [
        (TENANT, &[]),
        (DOMAIN, &[]),
        (
            &TENANT.to_uppercase(),
            &[("client_id", &CLIENT_ID.to_uppercase())],
        ),
        (TENANT, &[("scope", "http://azure.example//.default")]),
    ];
    for (tenant, fields) in cases {
        let answer = client.log_in_with(tenant, fields);
        let body = body(&answer);
        assert_eq!(body["expires_in"], 3599, "{tenant} {fields:?}: {body}");
        client.token = body["access_token"].as_str().unwrap().to_owned();
        let target = client.last_hour();
        assert_eq!(client.get(&target).status(), 200);
    }
}

#[test]
fn every_mistake_gets_its_own_number() {
    let mut client = Client::new(Settings::default());
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str, u64));
    let cases: [Case<'_>; 11] = [
        (
            TENANT,
            &[("client_secret", "wrong")],
            (401, "invalid_client", 7000215),
        ),
        (TENANT, &[("client_secret", "")], (401, "invalid_client", 7000218)),
        (
            TENANT,
            &[("client_id", TENANT)],
            (400, "unauthorized_client", 700016),
        ),
        (TENANT, &[("client_id", "")], (400, "invalid_request", 900144)),
        (TENANT, &[("scope", "")], (400, "invalid_request", 900144)),
        (TENANT, &[("grant_type", "")], (400, "invalid_request", 900144)),
        (
            TENANT,
            &[("grant_type", "password")],
            (400, "unsupported_grant_type", 70003),
        ),
        (
            TENANT,
            &[("scope", "http://azure.example")],
            (400, "invalid_scope", 70011),
        ),
        (
            TENANT,
            &[("scope", "https://management.azure.com/.default")],
            (400, "invalid_resource", 500011),
        ),
        (CLIENT_ID, &[], (400, "invalid_request", 90002)),
        ("nonsense", &[], (400, "invalid_request", 900023)),
    ];
    for (tenant, fields, (status, error, number)) in cases {
        let answer = client.log_in_with(tenant, fields);
        assert_eq!(
            refusal(&answer),
            (status, error.to_owned(), number),
            "{tenant} {fields:?}"
        );
    }
}

#[test]
fn an_expired_secret_and_a_disabled_application_are_refused() {
    let mut client = Client::new(Settings::default());
    client.azure.directory.applications[0].secrets[0].expires = Some(client.now);
    assert_eq!(refusal(&client.log_in_with(TENANT, &[])).2, 7000222);
    client.azure.directory.applications[0].enabled = false;
    assert_eq!(refusal(&client.log_in_with(TENANT, &[])).2, 7000112);
}

#[test]
fn a_refusal_repeats_no_secret() {
    let mut client = Client::new(Settings::default());
    let answer = client.log_in_with(TENANT, &[("client_secret", "guess-what")]);
    assert!(!body(&answer).to_string().contains("guess-what"));
}
