//! What is found upstream, and what the connection test says.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic in a helper is a failed claim"
)]

use std::collections::VecDeque;

use azure_activity::contract::{Fault, Nanos, Timestamp};
use azure_activity::http::{Answer, Level, Platform, Request, Response, TransportError};
use azure_activity::source;

const FIRST: &str = "11111111-2222-3333-4444-555555555555";
const SECOND: &str = "22222222-2222-3333-4444-555555555555";
/// 2026-03-01T12:00:00Z.
const NOW: Timestamp = 1_772_366_400_000_000_000;
const DEADLINE: Nanos = 30_000_000_000;

/// Answers in turn; the login is always good.
#[derive(Default)]
struct Canned {
    answers: VecDeque<(u16, String)>,
    urls: Vec<String>,
    /// Log lines, each with the number of requests that came before it.
    lines: Vec<(usize, String)>,
}

impl Platform for Canned {
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
        // The last answer is given again and again.
        let (status, body) = match self.answers.len() {
            1 => self.answers[0].clone(),
            _ => self.answers.pop_front().expect("one request too many"),
        };
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

    fn log(&mut self, _level: Level, text: &str) {
        self.lines.push((self.urls.len(), text.to_owned()));
    }
}

fn canned(answers: &[(u16, &str)]) -> Canned {
    let answers = answers
        .iter()
        .map(|(status, body)| (*status, (*body).to_owned()))
        .collect();
    Canned {
        answers,
        ..Canned::default()
    }
}

fn config(subscriptions: &str, tenant_log: bool) -> String {
    format!(
        r#"{{"tenant_id":"contoso.example","client_id":"bbbbbbbb-0000-0000-0000-000000000002","client_secret":"s",
            "subscription_id":{subscriptions},"tenant_log":{tenant_log}}}"#
    )
}

fn found(world: &mut Canned, config: &str) -> Vec<(String, String, bool)> {
    let found = source::discover(world, config, None, DEADLINE).unwrap();
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
        r#"{"value":null}"#,
        r#"{"value":[],"error":{"code":"ServerTimeout"}}"#,
        r#"{"value":[],"nextLink":7}"#,
        r#"{"value":[null]}"#,
        "",
        "[]",
        "<html>",
    ] {
        let mut world = canned(&[(200, body)]);
        let error = source::discover(&mut world, &config(r#""*""#, false), None, DEADLINE).unwrap_err();
        assert_eq!(error.fault, Fault::Retry, "{body}");
        assert!(
            ["azure.bad_page", "azure.foreign_link"].contains(&error.code),
            "{body}"
        );

        let good = format!(r#"{{"value":[{{"subscriptionId":"{FIRST}"}}]}}"#);
        let mut world = canned(&[(200, body), (200, &good)]);
        let expected = [(format!("subscriptions/{FIRST}"), FIRST.to_owned(), true)];
        assert_eq!(
            found(&mut world, &config("\"*\"", false)),
            expected,
            "{body} once"
        );
    }
}

#[test]
fn a_list_that_is_refused_or_is_not_json_is_told_in_words_about_the_list() {
    for (status, body, words) in [
        (
            403,
            r#"{"error":{"code":"AuthorizationFailed"}}"#,
            "may not list subscriptions (403",
        ),
        (200, "<html>", "a web page or XML, not JSON"),
        (200, "", "it is empty"),
        (200, "{", "it is not valid JSON"),
    ] {
        let mut world = canned(&[(status, body)]);
        let error = source::discover(&mut world, &config(r#""*""#, false), None, DEADLINE).unwrap_err();
        assert!(error.message.contains(words), "{body}: {}", error.message);
        assert!(!error.message.contains("this log"), "{}", error.message);
        assert!(!error.message.contains("line 1 column"), "{}", error.message);
    }
}

#[test]
fn an_incomplete_list_counts_only_when_it_lasts_and_nothing_else_was_seen() {
    let half = format!(r#"{{"value":[7,{{"subscriptionId":"{FIRST}"}}]}}"#);
    let all = config("\"*\"", false);
    let mut session = None;
    for attempt in 1.. {
        assert!(attempt < 20, "it is never taken");
        match source::discover(&mut canned(&[(200, &half)]), &all, session.as_deref(), DEADLINE) {
            Ok(found) => {
                assert_eq!(found.partitions.len(), 1);
                assert!(attempt > 5, "it was taken at once");
                break;
            }
            Err(error) => session = error.session,
        }
    }
    let good = format!(r#"{{"value":[{{"subscriptionId":"{FIRST}"}},{{"subscriptionId":"{SECOND}"}}]}}"#);
    let found = source::discover(&mut canned(&[(200, &good)]), &all, None, DEADLINE).unwrap();
    let mut session = found.session;
    for _ in 0..20 {
        let error =
            source::discover(&mut canned(&[(200, &half)]), &all, session.as_deref(), DEADLINE).unwrap_err();
        assert_eq!((error.fault, error.code), (Fault::Retry, "azure.bad_page"));
        session = error.session;
    }
}

#[test]
fn every_visible_subscription_is_found_once_over_all_pages() {
    let next = "https://management.azure.com/subscriptions?api-version=2020-01-01&%24skiptoken=a;b";
    let mut world = canned(&[
        (
            200,
            &format!(
                r#"{{"value":[{{"subscriptionId":"{FIRST}","displayName":" Production ","state":"Enabled"}}],"nextLink":"{next}"}}"#
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
        (
            "tenants/contoso.example".to_owned(),
            "tenant log".to_owned(),
            true,
        ),
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
        DEADLINE,
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
    let error = source::discover(
        &mut canned(&[(200, body)]),
        &config("\"*\"", false),
        None,
        DEADLINE,
    )
    .unwrap_err();
    assert_eq!(error.code, "azure.foreign_link");
}

#[test]
fn the_connection_test_says_what_it_found() {
    let partition = format!("subscriptions/{FIRST}");
    let config = config(&format!("\"{FIRST}\""), false);
    let event = r#"{"eventDataId":"1","eventTimestamp":"2026-03-01T11:30:00Z"}"#;
    let empty = r#"{"value":[]}"#;
    let found = format!(r#"{{"value":[{event}]}}"#);
    let permissions = |actions: &str| format!(r#"{{"value":[{{"actions":["{actions}"],"notActions":[]}}]}}"#);
    let (reader, other) = (permissions("*/read"), permissions("Microsoft.Compute/*"));
    for (answers, summary, warnings) in [
        (
            [(200, found.as_str()), (500, "")],
            "the log is readable: 1 event in the last hour, the newest at 2026-03-01T11:30:00Z",
            0,
        ),
        (
            [(200, empty), (200, reader.as_str())],
            "the application has the permission",
            1,
        ),
        ([(200, empty), (403, "")], "does not prove", 1),
        ([(200, empty), (404, "<html>")], "does not prove", 1),
        ([(200, empty), (200, r#"{"value":null}"#)], "does not prove", 1),
    ] {
        let report = source::check(&mut canned(&answers), &config, None, &partition, DEADLINE).unwrap();
        assert!(report.summary.contains(summary), "{}", report.summary);
        assert_eq!(report.warnings.len(), warnings, "{summary}");
    }
    for permissions in [other.as_str(), r#"{"value":[]}"#] {
        let answers = [(200, empty), (200, permissions)];
        let error = source::check(&mut canned(&answers), &config, None, &partition, DEADLINE).unwrap_err();
        assert_eq!((error.fault, error.code), (Fault::Denied, "azure.no_permission"));
    }
    let refused = r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#;
    let error = source::check(
        &mut canned(&[(403, refused)]),
        &config,
        None,
        &partition,
        DEADLINE,
    )
    .unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "azure.forbidden"));
    let disallowed = r#"{"error":{"code":"DisallowedOperation","message":"no"}}"#;
    let error = source::check(
        &mut canned(&[(403, disallowed)]),
        &config,
        None,
        &partition,
        DEADLINE,
    )
    .unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "azure.no_log"));
    let all = config.replace(&format!("\"{FIRST}\""), "\"*\"");
    let report = source::check(
        &mut canned(&[(403, disallowed)]),
        &all,
        None,
        &partition,
        DEADLINE,
    )
    .unwrap();
    assert!(report.summary.contains("passed over"));
    let error = source::check(&mut canned(&[]), &config, None, "tenant", DEADLINE).unwrap_err();
    assert_eq!(
        (error.fault, error.code),
        (Fault::InvalidConfig, "config.unknown_partition")
    );
}

#[test]
fn a_start_that_cannot_be_meant_is_told_before_anything_is_sent() {
    for (start, word) in [
        ("2026-03-01T12:00:01Z", Some("future")),
        ("2026-03-01T12:00:00Z", None),
        ("2025-12-01T12:00:00Z", None),
        ("2025-11-30T12:00:00Z", Some("90 days")),
    ] {
        let config = config(&format!("\"{FIRST}\""), false)
            .replace("\"tenant_log\"", &format!("\"start\":\"{start}\",\"tenant_log\""));
        let mut world = canned(&[(403, "")]);
        let _ = source::discover(&mut world, &config, None, DEADLINE);
        let told = world
            .lines
            .iter()
            .any(|(requests, line)| *requests == 0 && word.is_some_and(|word| line.contains(word)));
        assert_eq!(told, word.is_some(), "{start}: {:?}", world.lines);
        let event = r#"{"value":[{"eventDataId":"1","eventTimestamp":"2026-03-01T11:30:00Z"}]}"#;
        let report = source::check(
            &mut canned(&[(200, event)]),
            &config,
            None,
            &format!("subscriptions/{FIRST}"),
            DEADLINE,
        )
        .unwrap();
        assert_eq!(report.warnings.len(), usize::from(word.is_some()), "{start}");
    }
}
