//! The reading law through the real component: what the server shows is delivered, each event once, whatever fails in
//! between. `plugin/tests/reading_law.rs` proves it natively over thousands of histories; here are a few, end to end.

use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::bulk::Recipe;
use fake_azure::scenario::{demo, example};
use fake_azure::{Azure, Scope, Server, Settings};
use serde_json::Value;

use crate::lab;
use crate::site::{Finished, Site, Source, finish};

#[test]
fn a_storm_of_every_failure_hides_and_repeats_nothing() {
    let mut azure = lab::with_events(400);
    azure.settings_mut().page_size = 50;
    reads_everything_once(azure, include_str!("../../scripts/storm.json"));
}

#[test]
fn throttling_is_obeyed_to_the_second() {
    reads_everything_once(
        lab::with_events(300),
        include_str!("../../scripts/throttled.json"),
    );
}

#[test]
fn a_body_of_300_megabytes_is_refused_and_loses_nothing() {
    let finished = reads_everything_once(
        lab::with_events(300),
        include_str!("../../scripts/too-large.json"),
    );
    assert!(!finished.stderr.contains("crashed"), "{}", finished.stderr);
}

#[test]
fn a_page_of_ten_megabytes_is_read_in_less_than_64_megabytes() {
    let mut azure = lab::with_events(4_500);
    azure.settings_mut().page_size = 4_500;
    let server = lab::serve(azure);
    let mut source = Source::azure("contoso", server.endpoint());
    source.rest = "[source.limits]\nmemory = \"63MiB\"".to_owned();
    let site = Site::new(&[source]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    let page = server.azure().stats(Utc::now()).counts.pages;
    assert!(page >= 2, "{page} pages");
}

/// Runs once against scripted failures: everything is delivered once, and nothing was asked too early.
fn reads_everything_once(azure: Azure, script: &str) -> Finished {
    let server = lab::serve_with_faults(azure, script);
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    let azure = server.azure();
    assert!(azure.violations().is_empty(), "{:?}", azure.violations());
    finished
}

#[test]
fn events_that_become_readable_up_to_twenty_minutes_late_arrive_once_in_a_live_run() {
    let mut azure = lab::with_events(0);
    // Events of the last twenty minutes, of which some come into sight during the run, in no order.
    let recipe = Recipe {
        subscription: example::PRODUCTION.to_owned(),
        start: Utc::now() - TimeDelta::minutes(20),
        spacing: TimeDelta::milliseconds(4_000),
        latest: TimeDelta::minutes(20) + TimeDelta::seconds(8),
        seed: 7,
    };
    let scope = Scope::Subscription(example::PRODUCTION.to_owned());
    for event in recipe.events(300) {
        azure.add(&scope, event);
    }
    let server = lab::serve(azure);
    let early = lab::visible_ids(&server).len();
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let run = site.start(&["run"]);
    thread::sleep(Duration::from_secs(12));
    let pid = run.id().to_string();
    let _ = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    finish(run).exits_with(0);
    // What came into sight after the last poll is for the next one.
    site.run(&["run", "--once"]).exits_with(0);
    let visible = lab::visible_ids(&server);
    assert!(visible.len() > early, "nothing was late");
    assert_eq!(site.ids("contoso.ndjson"), visible);
}

#[test]
fn where_only_ends_are_wanted_each_operation_of_the_hour_is_one_event_and_none_is_missing() {
    let mut azure = Azure::new(Settings::default(), example::directory(2));
    // So long ago that no record waits for the end of its operation any more.
    for (scope, event) in demo::events(Utc::now() - TimeDelta::minutes(5), 1) {
        azure.add(&scope, event);
    }
    let server = lab::serve(azure);
    let all = delivered(&server, r#"["start", "accepted", "end"]"#);
    let ends = delivered(&server, r#"["end"]"#);
    let operation = |event: &Value| {
        let logs = &event["azure"]["activity_logs"];
        let part = |name: &str| logs[name].to_string().to_lowercase();
        [
            part("correlation_id"),
            part("operation"),
            logs["resource"]["id"].to_string().to_lowercase(),
        ]
    };
    let phase = |event: &Value| {
        event["azure"]["activity_logs"]["phase"]
            .as_str()
            .map(str::to_owned)
    };
    let ended: Vec<_> = all
        .iter()
        .filter(|event| phase(event).as_deref() == Some("end"))
        .map(operation)
        .collect();
    assert!(ended.len() > 20, "{} operations ended", ended.len());
    let is_wanted = |event: &&Value| match phase(event).as_deref() {
        Some("start" | "accepted") => !ended.contains(&operation(event)),
        _ => true,
    };
    let ids = |events: Vec<&Value>| {
        let mut ids: Vec<String> = events
            .into_iter()
            .map(|event| event["event"]["id"].to_string())
            .collect();
        ids.sort();
        ids
    };
    // What an operator has to look at: each of these operations once (docs/severity.md).
    let above_low = ends
        .iter()
        .filter(|event| event["event"]["severity"].as_u64() > Some(21));
    assert!(above_low.count() <= 15);
    assert!(ends.len() + 20 < all.len(), "{} of {}", ends.len(), all.len());
    assert_eq!(
        ids(ends.iter().collect()),
        ids(all.iter().filter(is_wanted).collect())
    );
}

/// The events of one run.
fn delivered(server: &Server, phases: &str) -> Vec<Value> {
    let source = Source::azure("contoso", server.endpoint())
        .set("lookback", "\"1m\"")
        .set("phases", phases);
    let site = Site::new(&[source]);
    site.run(&["run", "--once"]).exits_with(0);
    site.events("contoso.ndjson")
}
