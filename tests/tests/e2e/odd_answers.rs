//! Answers that were met in the field: none ends a tenant, none is taken for the end of the data, and the other
//! subscriptions do not notice.

use std::net::TcpListener;

use fake_azure::{Role, Scope};

use fake_azure::scenario::example;
use serde_json::{Value, json};

use crate::lab;
use crate::site::{Site, Source, finish, wait_until};

/// The refusal of a time before the retention, in the spelling that begins with capitals.
const TOO_FAR_BACK: &str =
    r#"{"Code":"BadRequest","Message":"The start time cannot be more than 90 days in the past."}"#;
const NO_LOG: &str = r#"{"error":{"code":"DisallowedOperation","message":"The current subscription type is not permitted to perform operations on any provider namespace."}}"#;

fn answer(status: u16, body: &str) -> Value {
    json!({"answer": {"status": status, "body": body}})
}

/// A script in which every one of these answers comes in turn in the place of pages of one subscription.
fn in_turn(answers: &[Value]) -> String {
    let fault = |(index, action): (usize, &Value)| json!({"on": {"subscription": example::PRODUCTION, "endpoint": "log", "from": 1 + index % 3}, "do": action});
    let faults: Vec<Value> = answers.iter().enumerate().map(fault).collect();
    json!({ "faults": faults }).to_string()
}

/// The ids of the lines that are whole: the host may be writing.
fn ids_so_far(site: &Site) -> Vec<String> {
    let text = site.read("contoso.ndjson");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let id = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("a whole line is JSON");
        event["event"]["id"].as_str().expect("an id").to_owned()
    };
    let mut ids: Vec<String> = whole.lines().map(id).collect();
    ids.sort();
    ids
}

#[test]
fn after_any_odd_answer_everything_comes_in_the_same_process() {
    let answers = [
        answer(200, r#"{"value":null}"#),
        answer(200, "{}"),
        answer(200, ""),
        answer(200, r#"{"value":{}}"#),
        answer(200, "<html>sign in</html>"),
        json!({"link": {"value": "//host/next"}}),
        json!({"link": {"value": 7}}),
        json!({"items": {"value": null}}),
        answer(400, r#"{"Code":"InternalServerError","Message":"x"}"#),
        answer(400, ""),
        answer(418, ""),
    ];
    let server = lab::serve_with_faults(lab::with_events(300), &in_turn(&answers));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let mut host = site.start(&["run"]);
    let other = server.azure().ids(chrono::Utc::now())[example::DEVELOPMENT]
        .visible
        .clone();
    wait_until("the other subscription has everything", || {
        let ids = ids_so_far(&site);
        other.iter().all(|id| ids.contains(id))
    });
    wait_until("everything is there", || {
        ids_so_far(&site) == lab::visible_ids(&server)
    });
    let _ = host.kill();
    let finished = finish(host);
    assert!(!finished.text().contains("invalid-config"), "{}", finished.text());
}

#[test]
fn a_link_to_another_origin_is_never_followed_even_where_the_origin_is_granted() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    trap.set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let elsewhere = format!("http://{}", trap.local_addr().expect("it is bound"));
    let script = json!({"faults": [
        {"on": {"endpoint": "log", "times": 4}, "do": {"foreign_link": {"origin": elsewhere}}}
    ]});
    let server = lab::serve_with_faults(lab::with_events(300), &script.to_string());
    let mut source = Source::azure("contoso", server.endpoint());
    // So that it is the source that does not follow, and not the host that refuses.
    source.allow = format!("{}\", \"{elsewhere}", source.allow);
    let site = Site::new(&[source]);
    site.run(&["run", "--once"]).exits_with(0).says("foreign_link");
    assert!(trap.accept().is_err(), "somebody connected");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
fn the_ninety_days_refusal_begins_later_whatever_its_spelling() {
    let script = json!({"faults": [{"on": {"endpoint": "log"}, "do": answer(400, TOO_FAR_BACK)}]});
    let server = lab::serve_with_faults(lab::with_events(5), &script.to_string());
    let source = Source::azure("contoso", server.endpoint())
        .set("start", "\"90d\"")
        .set("window", "\"60d\"");
    let site = Site::new(&[source]);
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(0).says("Azure keeps 90 days");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
fn a_subscription_without_a_log_is_passed_over_unless_it_is_named() {
    let script = json!({"faults": [
        {"on": {"endpoint": "log", "subscription": example::DEVELOPMENT, "times": null}, "do": answer(403, NO_LOG)}
    ]});
    let server = lab::serve_with_faults(lab::with_events(5), &script.to_string());
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0).says("passed over");
    assert_eq!(site.ids("contoso.ndjson").len(), 5);
    site.run(&["check"]).exits_with(0).says("passed over");

    let named = format!("\"{}\"", example::DEVELOPMENT);
    let source = Source::azure("contoso", server.endpoint()).set("subscription_id", &named);
    let site = Site::new(&[source]);
    let finished = site.run(&["check"]);
    finished
        .exits_with(1)
        .says("azure.no_log")
        .says("no role changes that");
}

#[test]
fn an_empty_log_is_not_called_readable() {
    let script = json!({"faults": [
        {"on": {"endpoint": "log", "times": null}, "do": answer(200, r#"{"value":[]}"#)}
    ]});
    let mut azure = lab::with_events(5);
    for grant in &mut azure.directory.grants {
        if grant.scope == Scope::Subscription(example::DEVELOPMENT.to_owned()) {
            grant.role = Role::SubscriptionOnly;
        }
    }
    let server = lab::serve_with_faults(azure, &script.to_string());
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let finished = site.run(&["check"]);
    finished
        .exits_with(1)
        .says("the application has the permission")
        .says("azure.no_permission");
    assert!(!finished.text().contains("is readable"), "{}", finished.text());
}

#[test]
fn a_subscription_that_is_not_listed_any_more_is_gone_and_told_of() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0);
    let development = Scope::Subscription(example::DEVELOPMENT.to_owned());
    server
        .azure()
        .directory
        .grants
        .retain(|grant| grant.scope != development);
    let finished = site.run(&["run", "--once"]);
    finished
        .exits_with(0)
        .says("gone since")
        .says(example::DEVELOPMENT);
    let cursors = site.run(&["state", "list"]);
    cursors.exits_with(0).says(example::DEVELOPMENT);
}
