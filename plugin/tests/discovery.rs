//! What is found upstream, and what the connection test says.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic in a helper is a failed claim"
)]

use std::collections::VecDeque;

use azure_activity::contract::{Fault, Nanos, Timestamp};
use azure_activity::http::{Answer, Level, Request, Response, TransportError, World};
use azure_activity::source;

const FIRST: &str = "11111111-2222-3333-4444-555555555555";
const SECOND: &str = "22222222-2222-3333-4444-555555555555";
/// 2026-03-01T12:00:00Z.
const NOW: Timestamp = 1_772_366_400_000_000_000;

/// Answers in turn; the login is always good.
#[derive(Default)]
struct Canned {
    answers: VecDeque<(u16, String)>,
    urls: Vec<String>,
}

impl World for Canned {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        if request.url.ends_with("/oauth2/v2.0/token") {
            let body = r#"{"access_token":"token","expires_in":3599}"#;
            let response = Response {
                status: 200,
                headers: Vec::new(),
                body: body.into(),
            };
            return Ok(response.into());
        }
        self.urls.push(request.url.clone());
        let (status, body) = self.answers.pop_front().expect("one request too many");
        let response = Response {
            status,
            headers: Vec::new(),
            body: body.into_bytes(),
        };
        Ok(response.into())
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn elapsed(&self) -> Nanos {
        0
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn log(&mut self, _level: Level, _text: &str) {}
}

fn canned(answers: &[(u16, &str)]) -> Canned {
    let answers = answers
        .iter()
        .map(|(status, body)| (*status, (*body).to_owned()))
        .collect();
    Canned {
        answers,
        urls: Vec::new(),
    }
}

fn config(subscriptions: &str, tenant_log: bool) -> String {
    format!(
        r#"{{"tenant_id":"contoso.example","client_id":"bbbbbbbb-0000-0000-0000-000000000002","client_secret":"s",
            "subscription_id":{subscriptions},"tenant_log":{tenant_log}}}"#
    )
}

fn found(world: &mut Canned, config: &str) -> Vec<(String, String, bool)> {
    let found = source::discover(world, config, None).unwrap();
    assert!(found.session.is_some());
    found
        .partitions
        .into_iter()
        .map(|partition| (partition.id, partition.title, partition.unavailable.is_none()))
        .collect()
}

#[test]
fn an_answer_that_is_no_list_is_not_taken_for_a_tenant_without_subscriptions() {
    for body in [
        "{}",
        r#"{"error":{"code":"ServerTimeout"}}"#,
        r#"{"value":null,"error":{}}"#,
        r#"{"value":"x"}"#,
    ] {
        let mut world = canned(&[(200, body)]);
        let error = source::discover(&mut world, &config(r#""*""#, false), None).unwrap_err();
        assert_eq!(
            (error.fault, error.code),
            (Fault::Retry, "azure.bad_page"),
            "{body}"
        );
    }
}

#[test]
fn every_visible_subscription_is_found_once_over_all_pages() {
    let next = "https://management.azure.com/subscriptions?api-version=2020-01-01&%24skiptoken=a;b";
    let mut world = canned(&[
        (
            200,
            &format!(
                r#"{{"value":[{{"subscriptionId":"{FIRST}","displayName":" Production ","state":"Enabled"}},{{"odd":1}},7],"nextLink":"{next}"}}"#
            ),
        ),
        (
            200,
            &format!(
                r#"{{"value":[{{"subscriptionId":"{FIRST}"}},{{"subscriptionId":"{}","state":"Disabled"}}],"nextLink":""}}"#,
                SECOND.to_uppercase()
            ),
        ),
    ]);
    let expected = [
        (format!("subscriptions/{FIRST}"), "Production".to_owned(), true),
        (format!("subscriptions/{SECOND}"), SECOND.to_owned(), false),
        ("tenant".to_owned(), "tenant log".to_owned(), true),
    ];
    assert_eq!(found(&mut world, &config("\"*\"", true)), expected);
    assert_eq!(world.urls[1], next);
}

#[test]
fn named_subscriptions_need_no_permission_to_be_listed() {
    for (status, body) in [(403, ""), (500, "<html>"), (200, "no JSON"), (200, "[]")] {
        let mut world = canned(&[(status, body)]);
        let expected = [(format!("subscriptions/{FIRST}"), FIRST.to_owned(), true)];
        assert_eq!(
            found(&mut world, &config(&format!("\"{FIRST}\""), false)),
            expected,
            "{status} {body}"
        );
    }
}

#[test]
fn an_application_that_sees_nothing_is_told_what_to_do() {
    let error = source::discover(
        &mut canned(&[(200, r#"{"value":[]}"#)]),
        &config("\"*\"", false),
        None,
    )
    .unwrap_err();
    assert_eq!(
        (error.fault, error.code),
        (Fault::Denied, "azure.no_subscriptions")
    );
    assert!(error.hint.unwrap().contains("Reader"));
}

#[test]
fn a_list_that_continues_elsewhere_is_not_followed() {
    let body = r#"{"value":[],"nextLink":"https://evil.example/subscriptions?x"}"#;
    let error = source::discover(&mut canned(&[(200, body)]), &config("\"*\"", false), None).unwrap_err();
    assert_eq!(error.code, "azure.foreign_link");
}

#[test]
fn the_connection_test_says_what_it_found() {
    let partition = format!("subscriptions/{FIRST}");
    let config = config(&format!("\"{FIRST}\""), false);
    let event = r#"{"eventDataId":"1","eventTimestamp":"2026-03-01T11:30:00Z"}"#;
    for (body, summary, warnings) in [
        (r#"{"value":[]}"#.to_owned(), "the log is readable", 1),
        (
            format!(r#"{{"value":[{event}]}}"#),
            "the log is readable: 1 event in the last hour, the newest at 2026-03-01T11:30:00Z",
            0,
        ),
    ] {
        let report = source::check(&mut canned(&[(200, &body)]), &config, None, &partition).unwrap();
        assert_eq!(
            (report.summary.as_str(), report.warnings.len()),
            (summary, warnings)
        );
    }
    let refused = r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#;
    let error = source::check(&mut canned(&[(403, refused)]), &config, None, &partition).unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "azure.forbidden"));
    let error = source::check(&mut canned(&[]), &config, None, "tenant").unwrap_err();
    assert_eq!(
        (error.fault, error.code),
        (Fault::InvalidConfig, "config.unknown_partition")
    );
}
