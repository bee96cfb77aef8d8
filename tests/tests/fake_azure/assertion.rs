//! Logging in without a secret.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use fake_azure::scenario::example::TENANT;
use fake_azure::{Federation, Settings};
use serde_json::{Value, json};

use crate::client::{Client, body};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A certificate, and assertions made for it by another implementation.
fn vectors() -> Value {
    serde_json::from_str(include_str!("assertions.json")).unwrap()
}

/// The AADSTS number of the refusal; 0 when there is a token.
fn log_in(client: &mut Client, assertion: &str) -> u64 {
    let fields = [
        ("client_secret", ""),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    body(&client.log_in_with(TENANT, &fields))["error_codes"][0]
        .as_u64()
        .unwrap_or(0)
}

#[test]
fn only_an_assertion_that_is_right_in_every_respect_is_accepted() {
    let vectors = vectors();
    let mut client = Client::new(Settings::default());
    let certificate = BASE64_STANDARD
        .decode(vectors["certificate"].as_str().unwrap())
        .unwrap();
    client.azure.directory.applications[0]
        .certificates
        .push(certificate);
    for accepted in vectors["accepted"].as_array().unwrap() {
        assert_eq!(
            log_in(&mut client, accepted["jwt"].as_str().unwrap()),
            0,
            "{}",
            accepted["what"]
        );
    }
    for refused in vectors["refused"].as_array().unwrap() {
        let number = log_in(&mut client, refused["jwt"].as_str().unwrap());
        assert_eq!(number, refused["number"].as_u64().unwrap(), "{}", refused["what"]);
    }
    for text in ["", "a.b.c", "no jwt at all"] {
        assert_ne!(log_in(&mut client, text), 0, "{text}");
    }
}

#[test]
fn a_certificate_that_is_not_registered_is_refused() {
    let vectors = vectors();
    let mut client = Client::new(Settings::default());
    assert_eq!(
        log_in(&mut client, vectors["accepted"][0]["jwt"].as_str().unwrap()),
        700027
    );
}

#[test]
fn a_federated_assertion_must_agree_in_issuer_subject_audience_and_time() {
    let mut client = Client::new(Settings::default());
    let now = client.now.timestamp();
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let make = |issuer: &str, subject: &str, audience: &str, expires: i64| {
        let header = encode(json!({"alg": "RS256", "typ": "JWT"}));
        let claims = json!({"iss": issuer, "sub": subject, "aud": audience, "nbf": now - 60, "exp": expires});
        format!("{header}.{}.c2lnbmF0dXJl", encode(claims))
    };
    let (issuer, subject, audience) = ("https://issuer.example", "job:web", "api://AzureADTokenExchange");
    assert_eq!(
        log_in(&mut client, &make(issuer, subject, audience, now + 3600)),
        70021
    );
    client.azure.directory.applications[0]
        .federations
        .push(Federation {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.to_owned(),
        });
    let cases = [
        (make(issuer, subject, audience, now + 3600), 0),
        (
            make("https://other.example", subject, audience, now + 3600),
            700211,
        ),
        (make(issuer, subject, "api://other", now + 3600), 700212),
        (make(issuer, "job:other", audience, now + 3600), 700213),
        (make(issuer, subject, audience, now), 700024),
    ];
    for (assertion, number) in cases {
        assert_eq!(log_in(&mut client, &assertion), number, "{assertion}");
    }
}
