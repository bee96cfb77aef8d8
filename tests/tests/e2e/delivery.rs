//! Every event once, whatever happens in between.

use std::thread;
use std::time::Duration;

use crate::lab;
use crate::site::{Site, Source, finish, parse_lines};

#[test]
fn a_thousand_events_in_two_subscriptions_come_out_exactly_once() {
    let server = lab::serve(lab::with_events(500));
    let mut source = Source::azure("contoso", server.endpoint());
    source.sink = "type = \"stdout\"".to_owned();
    let site = Site::new(&[source]);

    let first = site.run(&["run", "--once"]);
    first.exits_with(0);
    let mut ids: Vec<String> = parse_lines(&first.stdout)
        .iter()
        .map(crate::site::event_id)
        .collect();
    ids.sort();
    assert_eq!(ids, lab::visible_ids(&server));
    assert_eq!(ids.len(), 1000);

    let second = site.run(&["run", "--once"]);
    second.exits_with(0);
    assert_eq!(second.stdout, "", "a second run adds nothing");
}

#[test]
fn sigterm_ends_a_run_cleanly_and_the_next_one_goes_on() {
    let server = lab::serve(lab::with_events(1_500));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let child = site.start(&["run"]);
    thread::sleep(Duration::from_millis(600));
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    finish(child).exits_with(0);

    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(
        site.ids("contoso.ndjson"),
        lab::visible_ids(&server),
        "nothing lost and nothing repeated"
    );
}

#[test]
fn one_refused_subscription_does_not_stop_the_other() {
    let server = lab::serve_with_faults(
        lab::with_events(50),
        &format!(
            r#"{{"faults": [{{"on": {{"subscription": "{}", "endpoint": "log", "times": null}},
                "do": {{"fail": {{"status": 403, "code": "AuthorizationFailed"}}}}}}]}}"#,
            fake_azure::scenario::example::PRODUCTION
        ),
    );
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(1).says("Reader");
    assert_eq!(site.ids("contoso.ndjson").len(), 50);
}
