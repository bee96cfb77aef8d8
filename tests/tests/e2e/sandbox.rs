//! Each promise of the sandbox, with a source that tries to break it, beside an honest tenant that must not notice.

use std::net::TcpListener;

use crate::artifacts;
use crate::lab;
use crate::site::{Finished, Site, Source};

/// One hostile tenant beside the honest one; the honest one gets everything.
fn beside_an_honest_tenant(attack: &str, url: &str, rest: &str) -> (Finished, Site) {
    let server = lab::serve(lab::with_events(30));
    let mut hostile = Source::hostile(attack).set("url", &format!("\"{url}\""));
    hostile.rest = format!("[source.limits]\npoll_timeout = \"2s\"\nmemory = \"32MiB\"\n{rest}");
    let site = Site::new(&[hostile, Source::azure("contoso", server.endpoint())]);
    let finished = site.run(&["run", "--once"]);
    assert_eq!(
        site.ids("contoso.ndjson"),
        lab::visible_ids(&server),
        "{attack}: the honest tenant noticed"
    );
    (finished, site)
}

#[test]
fn what_never_ends_is_interrupted() {
    for attack in ["endless-loop", "endless-host-calls", "sleep"] {
        let (finished, site) = beside_an_honest_tenant(attack, "", "");
        finished.exits_with(1).says("mallory");
        assert_eq!(site.read("mallory.ndjson"), "", "{attack}");
    }
}

#[test]
fn what_takes_too_much_is_stopped_and_commits_nothing() {
    for attack in [
        "memory-bomb",
        "trap",
        "handle-leak",
        "giant-event",
        "million-events",
        "oversized-cursor",
        "unversioned-cursor",
    ] {
        let (finished, site) = beside_an_honest_tenant(attack, "https://collector.example/", "");
        finished.exits_with(1).says("mallory");
        let state = site.run(&["state", "list"]);
        assert!(
            !state.stdout.contains("mallory"),
            "{attack}: a cursor was stored: {}",
            state.stdout
        );
    }
}

#[test]
fn a_forbidden_origin_is_never_contacted() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    trap.set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let port = trap.local_addr().expect("it is bound").port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/metadata".to_owned(),
    ] {
        let (_, site) = beside_an_honest_tenant("fetch", &url, "");
        assert!(
            site.read("mallory.ndjson").contains("refused"),
            "{url}: {}",
            site.read("mallory.ndjson")
        );
    }
    assert!(trap.accept().is_err(), "somebody connected");
}

#[test]
fn a_granted_name_that_leads_to_loopback_is_refused_after_resolving() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    trap.set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let port = trap.local_addr().expect("it is bound").port();
    // Not written as an address, so that it is a name like any other; the system's resolver takes it for 127.0.0.1.
    let origin = format!("https://0x7f.0x1:{port}");
    let mut hostile = Source::hostile("fetch").set("url", &format!("\"{origin}/\""));
    hostile.allow = origin;
    let site = Site::new(&[hostile]);
    site.run(&["run", "--once"])
        .says("0x7f.0x1 resolves to 127.0.0.1, which is this machine");
    assert!(
        site.read("mallory.ndjson").contains("refused"),
        "{}",
        site.read("mallory.ndjson")
    );
    assert!(trap.accept().is_err(), "somebody connected");
}

#[test]
fn no_call_finds_what_an_earlier_one_has_left_in_its_memory() {
    // It goes on from the furthest position that its memory knows, of whatever partition that was.
    let mut feed = Source::hostile("")
        .set("defect", "\"remembers\"")
        .set("partitions", "[\"a\", \"b\", \"c\"]");
    feed.rest = "[source.limits]\nbatch_events = 7".to_owned();
    let site = Site::new(&[feed]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.events("mallory.ndjson").len(), 3 * 60);
}

#[test]
fn noise_and_escapes_on_stderr_are_bounded_and_harmless() {
    let (finished, site) = beside_an_honest_tenant("giant-stderr", "", "");
    assert!(
        finished.stderr.len() < 1 << 20,
        "{} bytes of log",
        finished.stderr.len()
    );
    assert!(site.read("mallory.ndjson").contains('{') || finished.code == Some(1));
    let (finished, _) = beside_an_honest_tenant("escape-stderr", "", "");
    for escape in ['\u{1b}', '\u{9b}', '\u{7}'] {
        assert!(
            !finished.stderr.contains(escape),
            "{escape:?} reached the terminal"
        );
    }
}

#[test]
fn a_body_that_is_no_json_goes_to_the_dead_letter_file() {
    let (_, site) = beside_an_honest_tenant("invalid-body", "", "");
    assert_eq!(site.events("mallory.ndjson").len(), 1);
    let dead = site.events("mallory.dead.ndjson");
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(
        (dead[0]["source"].as_str(), dead[0]["id"].as_str()),
        (Some("mallory"), Some("bad"))
    );
}

#[test]
fn a_body_on_two_lines_is_delivered_on_one() {
    let (_, site) = beside_an_honest_tenant("two-lines", "", "");
    assert_eq!(site.events("mallory.ndjson").len(), 1);
}

#[test]
fn environment_arguments_and_stdin_are_empty() {
    let (_, site) = beside_an_honest_tenant("environment", "", "");
    let seen = &site.events("mallory.ndjson")[0];
    assert_eq!(
        (
            seen["variables"].as_u64(),
            seen["arguments"].as_u64(),
            seen["stdin"].as_str()
        ),
        (Some(0), Some(0), Some("")),
        "{seen}"
    );
}

#[test]
fn files_sockets_and_names_are_there_and_lead_nowhere() {
    let source = Source {
        name: "seeker".to_owned(),
        plugin: artifacts::file_reader().to_owned(),
        config: String::new(),
        sink: "type = \"file\"\npath = \"seeker.ndjson\"".to_owned(),
        ..Source::hostile("")
    };
    let site = Site::new(&[source]);
    site.run(&["check"]).exits_with(0);
    site.run(&["run", "--once"]).exits_with(0);
    let attempts = &site.events("seeker.ndjson")[0];
    let attempts = attempts.as_object().expect("an object");
    assert_eq!(attempts.len(), 21, "{attempts:?}");
    let reached: Vec<&String> = attempts
        .iter()
        .filter_map(|(what, reached)| (reached != false).then_some(what))
        .collect();
    assert!(reached.is_empty(), "{reached:?}");
}

#[test]
fn a_session_that_costs_hours_of_searching_is_refused_before_it_is_searched_for() {
    let (finished, site) = beside_an_honest_tenant("session-bomb", "", "");
    finished.exits_with(1).says("a session of more than 65536 bytes");
    assert!(!site.run(&["state", "list"]).stdout.contains("mallory"));
}
