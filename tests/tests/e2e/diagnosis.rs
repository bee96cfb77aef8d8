//! `headwater check` names each problem and its remedy.

use fake_azure::Scope;
use fake_azure::scenario::example;

use crate::lab;
use crate::site::{Site, Source};

/// A well-formed id that no tenant has.
const NOBODY: &str = "\"99999999-9999-4999-8999-999999999999\"";

#[test]
fn a_working_configuration_passes() {
    let server = lab::serve(lab::with_events(3));
    let source = Source::azure("contoso", server.endpoint()).set("tenant_log", "true");
    Site::new(&[source])
        .run(&["check"])
        .exits_with(0)
        .says("Contoso Production")
        .says("tenant");
}

#[test]
fn each_refusal_comes_with_its_remedy() {
    let server = lab::serve(lab::with_events(3));
    let source =
        || Source::azure("contoso", server.endpoint()).set("subscription_id", &quoted(example::PRODUCTION));
    let cases: [(&str, Source, &[&str]); 4] = [
        (
            "wrong secret",
            source().set("client_secret", "\"wrong\""),
            &["AADSTS7000215", "value"],
        ),
        (
            "unknown application",
            source().set("client_id", NOBODY),
            &["AADSTS700016", "client_id"],
        ),
        (
            "unknown tenant",
            source().set("tenant_id", NOBODY),
            &["AADSTS90002", "tenant_id"],
        ),
        (
            "unknown subscription",
            source().set("subscription_id", NOBODY),
            &["SubscriptionNotFound", "subscription_id"],
        ),
    ];
    for (name, source, words) in cases {
        let finished = Site::new(&[source]).run(&["check"]);
        assert_eq!(finished.code, Some(1), "{name}: {}", finished.text());
        for word in words {
            assert!(
                finished.text().to_lowercase().contains(&word.to_lowercase()),
                "{name}: no {word:?} in {}",
                finished.text()
            );
        }
    }
}

#[test]
fn a_missing_role_is_named_beside_the_subscription_that_works() {
    let mut azure = lab::with_events(3);
    let development = Scope::Subscription(example::DEVELOPMENT.to_owned());
    azure.directory.grants.retain(|grant| grant.scope != development);
    let server = lab::serve(azure);
    let both = format!(
        "[{}, {}]",
        quoted(example::PRODUCTION),
        quoted(example::DEVELOPMENT)
    );
    let source = Source::azure("contoso", server.endpoint()).set("subscription_id", &both);
    Site::new(&[source])
        .run(&["check"])
        .exits_with(1)
        .says("AuthorizationFailed")
        .says("Reader")
        .says(example::DEVELOPMENT);
}

#[test]
fn nobody_at_the_other_end_is_a_failure_and_no_silence() {
    let source = Source::azure("contoso", "http://127.0.0.1:9");
    let site = Site::new(&[source]);
    site.run(&["check"]).exits_with(1).says("127.0.0.1:9");
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
