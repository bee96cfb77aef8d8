//! Scripted failures, as far as they need no socket.

use fake_azure::scenario::example::{DEVELOPMENT, PRODUCTION};
use fake_azure::{Script, Wire};
use http::StatusCode;

use crate::client::{Client, ENDPOINT, body, error, ids};

/// A client with 5 events on pages of 2, and one fault on its second page.
fn on_second_page(action: &str) -> Client {
    let mut client = Client::with_events(5, 2);
    client.play(&format!(
        r#"{{"faults": [{{"on": {{"endpoint": "log", "page": 2}}, "do": {action}}}]}}"#
    ));
    client
}

fn second_page_link(client: &mut Client) -> String {
    let target = client.last_hour();
    body(&client.get(&target))["nextLink"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn throttling_is_answered_in_seconds_or_as_a_date_and_impatience_is_noted() {
    for (as_date, expected) in [(false, "2"), (true, "Mon, 04 May 2026 12:00:02 GMT")] {
        let mut client = on_second_page(&format!(
            r#"{{"throttle": {{"seconds": 2, "as_date": {as_date}}}}}"#
        ));
        let link = second_page_link(&mut client);
        let refused = client.get(&link);
        assert_eq!(error(&refused), (429, "SubscriptionRequestsThrottled".to_owned()));
        assert_eq!(refused.response.headers()["retry-after"], expected);
        client.pass(1);
        assert_eq!(client.get(&link).status(), 429);
        assert_eq!(client.azure.violations().len(), 1);
        client.pass(1);
        assert_eq!(
            client.get(&link).status(),
            429,
            "the second refusal began a new wait"
        );
        client.pass(2);
        assert_eq!(client.get(&link).status(), 200);
        assert_eq!(client.azure.violations().len(), 2);
    }
}

#[test]
fn waiting_in_one_subscription_does_not_concern_the_other() {
    let mut client = Client::with_events(1, 2);
    client.play(r#"{"faults": [{"on": {"endpoint": "log"}, "do": {"throttle": {"seconds": 60}}}]}"#);
    let target = client.last_hour();
    assert_eq!(client.get(&target).status(), 429);
    assert_eq!(client.get(&target.replace(PRODUCTION, DEVELOPMENT)).status(), 200);
    assert!(client.azure.violations().is_empty());
}

#[test]
fn errors_come_in_every_shape() {
    let cases = [
        (
            r#"{"fail": {"status": 500, "code": "InternalServerError"}}"#,
            500,
            r#"{"error":{"code":"InternalServerError","#,
        ),
        (
            r#"{"fail": {"status": 400, "body": "insights", "message": "no"}}"#,
            400,
            r#"{"code":"Scripted","message":"no"}"#,
        ),
        (r#"{"fail": {"status": 502, "body": "html"}}"#, 502, "<html>"),
        (r#"{"fail": {"status": 200, "body": "empty"}}"#, 200, ""),
        (r#"{"entra": {"number": 7000222}}"#, 401, r#"{"correlation_id""#),
    ];
    for (action, status, start) in cases {
        let mut client = on_second_page(action);
        let link = second_page_link(&mut client);
        let answer = client.get(&link);
        let text = String::from_utf8(answer.response.body().to_vec()).unwrap();
        assert_eq!(answer.status().as_u16(), status, "{action}");
        assert!(text.starts_with(start), "{action}: {text}");
        assert_eq!(client.get(&link).status(), 200, "{action} acts once");
    }
}

#[test]
fn a_failure_can_ask_for_patience_too() {
    let mut client = on_second_page(r#"{"fail": {"status": 503, "retry_after": 3}}"#);
    let link = second_page_link(&mut client);
    assert_eq!(client.get(&link).response.headers()["retry-after"], "3");
    client.pass(2);
    assert_eq!(client.get(&link).status(), 429);
    assert_eq!(client.azure.violations().len(), 1);
}

#[test]
fn a_redirect_names_its_target() {
    let mut client = on_second_page(r#"{"redirect": {"to": "https://elsewhere.example/"}}"#);
    let link = second_page_link(&mut client);
    let answer = client.get(&link);
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(
        answer.response.headers()["location"],
        "https://elsewhere.example/"
    );
}

#[test]
fn a_token_can_expire_in_the_middle_of_a_walk() {
    let mut client = on_second_page(r#""expire_token""#);
    let link = second_page_link(&mut client);
    for _ in 0..2 {
        assert_eq!(
            error(&client.get(&link)),
            (401, "ExpiredAuthenticationToken".to_owned())
        );
    }
    client.log_in();
    assert_eq!(ids(&body(&client.get(&link))), ["event-3", "event-4"]);
}

#[test]
fn links_can_lead_astray() {
    let mut client = on_second_page(r#"{"foreign_link": {"origin": "http://evil.example"}}"#);
    let link = second_page_link(&mut client);
    let page = body(&client.get(&link));
    let next = page["nextLink"].as_str().unwrap();
    assert!(next.starts_with("http://evil.example/subscriptions/"), "{next}");

    let mut client = on_second_page(r#""repeat_link""#);
    let link = second_page_link(&mut client);
    assert_eq!(body(&client.get(&link))["nextLink"], link);
}

#[test]
fn repeated_and_empty_pages_lose_nothing_for_a_patient_reader() {
    for (action, sizes) in [
        (r#""repeat_page""#, vec![2, 2, 2, 1]),
        (r#""empty_page""#, vec![2, 0, 2, 1]),
    ] {
        let mut client = on_second_page(action);
        let target = client.last_hour();
        let pages = client.walk(&target);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{action}");
        let mut seen = pages.concat();
        seen.dedup();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5, "{action}");
    }
}

#[test]
fn a_first_page_can_be_repeated_without_end() {
    let mut client = Client::with_events(2, 2);
    client.play(r#"{"faults": [{"on": {"endpoint": "log", "times": null}, "do": "repeat_page"}]}"#);
    let mut target = client.last_hour();
    let mut links = Vec::new();
    for _ in 0..5 {
        let page = body(&client.get(&target));
        assert_eq!(ids(&page), ["event-1", "event-2"]);
        target = page["nextLink"].as_str().unwrap().to_owned();
        assert!(
            target.starts_with(ENDPOINT) && !links.contains(&target),
            "{target}"
        );
        links.push(target.clone());
    }
}

#[test]
fn an_odd_link_stands_only_where_the_list_ends() {
    for (value, expected) in [
        (r#""None""#, "\"None\""),
        (r#""""#, "\"\""),
        ("null", "null"),
        ("17", "17"),
    ] {
        let mut client = Client::with_events(3, 2);
        client.play(&format!(
            r#"{{"faults": [{{"on": {{"times": null}}, "do": {{"last_link": {{"value": {value}}}}}}}]}}"#
        ));
        let link = second_page_link(&mut client);
        assert_eq!(body(&client.get(&link))["nextLink"].to_string(), expected);
    }
}

#[test]
fn damaged_bodies_are_damaged_as_announced() {
    let mut client = on_second_page(r#"{"truncate": {"keep_percent": 50}}"#);
    let link = second_page_link(&mut client);
    let half = client.get(&link).response.into_body();
    let whole = client.get(&link).response.into_body();
    assert_eq!(half, whole[..whole.len() / 2]);

    let mut client = on_second_page(r#""invalid_utf8""#);
    let link = second_page_link(&mut client);
    let answer = client.get(&link);
    assert!(std::str::from_utf8(answer.response.body()).is_err());
    assert!(String::from_utf8_lossy(answer.response.body()).contains("event-3"));

    let mut client = on_second_page(r#"{"echo": {"text": "and more"}}"#);
    let link = second_page_link(&mut client);
    let text = String::from_utf8(client.get(&link).response.body().to_vec()).unwrap();
    assert!(
        text.contains("\"description\":\"lab.") && text.contains(" and more "),
        "{text}"
    );

    let mut client = on_second_page(r#"{"nest": {"levels": 5000}}"#);
    let link = second_page_link(&mut client);
    let text = String::from_utf8(client.get(&link).response.body().to_vec()).unwrap();
    assert!(text.contains(&"[".repeat(5000)) && text.contains("event-3"));
}

#[test]
fn a_page_that_does_not_arrive_does_not_count_as_shown() {
    for action in [
        r#"{"truncate": {"keep_percent": 90}}"#,
        r#"{"reset": {"after": 100}}"#,
        r#""hang""#,
    ] {
        let mut client = on_second_page(action);
        let link = second_page_link(&mut client);
        client.get(&link);
        let now = client.now;
        assert_eq!(client.azure.stats(now).logs[PRODUCTION].shown, 2, "{action}");
    }
}

#[test]
fn misbehaviour_of_the_wire_is_left_to_the_server() {
    let cases = [
        (r#""hang""#, Wire::Hang),
        (r#"{"reset": {"after": 7}}"#, Wire::Reset { after: 7 }),
        (
            r#"{"drip": {"bytes": 3, "pause_ms": 5}}"#,
            Wire::Drip {
                bytes: 3,
                pause_ms: 5,
            },
        ),
        (
            r#"{"pad": {"bytes": 300000000}}"#,
            Wire::Padded { bytes: 300_000_000 },
        ),
    ];
    for (action, wire) in cases {
        let mut client = on_second_page(action);
        let link = second_page_link(&mut client);
        assert_eq!(client.get(&link).wire, wire, "{action}");
    }
}

#[test]
fn the_scripts_of_the_readme_can_be_played() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        Script::parse(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        count += 1;
    }
    assert!(count > 0);
}
