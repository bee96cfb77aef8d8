//! Pages, links, late events, and what is known about them afterwards.

use chrono::TimeDelta;
use fake_azure::Settings;
use fake_azure::scenario::example::PRODUCTION;

use crate::client::{Client, body, error, ids};

#[test]
fn a_walk_meets_every_event_once_from_newest_to_oldest() {
    let mut client = Client::with_events(7, 3);
    let target = client.last_hour();
    let pages = client.walk(&target);
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(
        pages.concat(),
        (1..=7)
            .map(|number| format!("event-{number}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_full_last_page_has_no_link() {
    let mut client = Client::with_events(4, 2);
    let target = client.last_hour();
    assert_eq!(client.walk(&target).len(), 2);
}

#[test]
fn shuffled_pages_hold_the_same_events() {
    let mut client = Client::with_events(50, 20);
    client.azure.settings_mut().shuffle = true;
    let target = client.last_hour();
    let mut seen = client.walk(&target).concat();
    assert_ne!(seen[0], "event-1");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}

#[test]
fn a_link_that_was_rewritten_is_refused_and_noted() {
    let mut client = Client::with_events(4, 2);
    let target = client.last_hour();
    let link = body(&client.get(&target))["nextLink"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(link.contains(";US0:"), "{link}");
    assert_eq!(
        error(&client.get(&link.replace(';', "%3B"))),
        (400, "BadRequest".to_owned())
    );
    assert_eq!(client.azure.violations().len(), 1);
    assert_eq!(client.get(&link).status(), 200);
}

#[test]
fn a_link_goes_stale() {
    let mut client = Client::with_events(4, 2);
    client.azure.settings_mut().link_life = TimeDelta::seconds(60);
    let target = client.last_hour();
    let link = body(&client.get(&target))["nextLink"]
        .as_str()
        .unwrap()
        .to_owned();
    client.pass(60);
    assert_eq!(error(&client.get(&link)), (400, "BadRequest".to_owned()));
    assert!(client.azure.violations().is_empty());
}

#[test]
fn a_late_event_appears_at_its_moment_and_is_counted_before_as_pending() {
    let mut client = Client::with_events(1, 10);
    let (time, visible_at) = (
        client.now - TimeDelta::minutes(5),
        client.now + TimeDelta::minutes(5),
    );
    client.add("late", time, visible_at);
    let target = client.last_hour();
    assert_eq!(ids(&body(&client.get(&target))), ["event-1"]);
    let now = client.now;
    let known = client.azure.ids(now).remove(PRODUCTION).unwrap();
    assert_eq!(
        (known.visible.as_slice(), known.pending.as_slice()),
        (&["event-1".to_owned()][..], &["late".to_owned()][..])
    );

    client.pass(300);
    assert_eq!(ids(&body(&client.get(&target))), ["event-1", "late"]);
    let now = client.now;
    let stats = client.azure.stats(now);
    let log = stats.logs[PRODUCTION];
    assert_eq!((log.visible, log.shown, log.times_shown), (2, 2, 3));
    assert_eq!((stats.counts.pages, stats.counts.events), (2, 3));
}

#[test]
fn the_journal_keeps_requests_without_header_values() {
    let mut client = Client::new(Settings::default());
    let target = client.last_hour();
    client.get(&target);
    let last = client.azure.requests().last().unwrap();
    assert_eq!((last.target.as_str(), last.status), (target.as_str(), 200));
    assert_eq!(last.headers, ["authorization"]);
    assert!(!serde_json::to_string(last).unwrap().contains(&client.token));
}
