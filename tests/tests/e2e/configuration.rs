//! A configuration that cannot work: named with its remedy, exit code 2, before anything is sent.

use chrono::Utc;

use crate::lab;
use crate::site::{Site, Source};

#[test]
fn each_mistake_is_named_with_its_remedy_before_any_request() {
    let server = lab::serve(lab::with_events(1));
    let source = || Source::azure("contoso", server.endpoint());
    let not_granted = ["allow", server.endpoint()];
    let cases: Vec<(&str, Source, &[&str])> = vec![
        (
            "unknown key",
            source().set("tenantid", "\"x\""),
            &["tenantid", "tenant_id"],
        ),
        (
            "malformed client id",
            source().set("client_id", "\"not-a-guid\""),
            &["client_id"],
        ),
        (
            "malformed subscription",
            source().set("subscription_id", "[\"nonsense\"]"),
            &["subscription_id"],
        ),
        (
            "two filters",
            source().set("filter", "{ resource_group = \"a\", correlation_id = \"b\" }"),
            &["filter", "keep one"],
        ),
        ("bad start", source().set("start", "\"yesterday\""), &["start"]),
        (
            "bad format",
            source().set("format", "\"cef\""),
            &["format", "ecs"],
        ),
        (
            "missing variable",
            source().set("client_secret", "{ env = \"NO_SUCH_SECRET\" }"),
            &["NO_SUCH_SECRET"],
        ),
        (
            "missing file",
            source().set("client_secret", "{ file = \"no-such-file\" }"),
            &["no-such-file"],
        ),
        (
            "origin not granted",
            Source {
                allow: "https://login.example.com".to_owned(),
                ..source()
            },
            &not_granted,
        ),
        (
            "unknown sink",
            Source {
                sink: "type = \"carrier-pigeon\"".to_owned(),
                ..source()
            },
            &["carrier-pigeon", "sink"],
        ),
        (
            "sink that cannot be opened",
            Source {
                sink: "type = \"file\"\npath = \"no-such-folder/events.ndjson\"".to_owned(),
                ..source()
            },
            &["no-such-folder"],
        ),
        (
            "no plugin",
            Source {
                plugin: "missing.wasm".into(),
                ..source()
            },
            &["missing.wasm"],
        ),
        (
            "plugin that is no component",
            Source {
                plugin: "headwater.toml".into(),
                ..source()
            },
            &["component"],
        ),
    ];
    for (name, source, words) in cases {
        let site = Site::new(&[source]);
        for command in [["run", "--once"].as_slice(), &["check"]] {
            let finished = site.run(command);
            assert_eq!(
                finished.code,
                Some(2),
                "{name}: {command:?} printed {}",
                finished.text()
            );
            for word in words {
                assert!(
                    finished.stderr.contains(word),
                    "{name}: no {word:?} in {}",
                    finished.stderr
                );
            }
            assert_eq!(
                finished.stdout, "",
                "{name}: stdout carries events and nothing else"
            );
        }
    }
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}

#[test]
fn all_mistakes_are_named_at_once() {
    let source = Source::azure("contoso", "http://127.0.0.1:9")
        .set("client_id", "\"x\"")
        .set("lookback", "\"soon\"")
        .set("windw", "\"6h\"");
    Site::new(&[source])
        .run(&["check"])
        .exits_with(2)
        .says("client_id")
        .says("lookback")
        .says("windw");
}

#[test]
fn a_component_with_an_import_of_its_own_is_refused_by_its_name() {
    let mut source = Source::azure("contoso", "http://127.0.0.1:9");
    source.plugin = "importing.wasm".into();
    let site = Site::new(&[source]);
    let component = crate::altered::importing("acme:kv/store@1.0.0");
    std::fs::write(site.path("importing.wasm"), component).expect("the folder can be written");
    site.run(&["run", "--once"])
        .exits_with(2)
        .says("acme:kv/store@1.0.0");
}

#[test]
fn a_damaged_state_file_is_reported_and_kept() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let garbage = "this was a database once".repeat(400);
    site.write("state.redb", &garbage);
    site.run(&["run", "--once"]).exits_with(2).says("state.redb");
    assert_eq!(site.read("state.redb"), garbage, "never reset");
    assert_eq!(server.azure().stats(Utc::now()).counts.requests, 0);
}

#[test]
fn a_second_host_on_the_same_state_file_is_refused() {
    let server = lab::serve(lab::with_events(5));
    let mut source = Source::azure("contoso", server.endpoint());
    source.sink = "type = \"stdout\"".to_owned();
    let site = Site::new(&[source]);
    let mut first = site.start(&["run"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let second = site.run(&["run", "--once"]);
    let _ = first.kill();
    let _ = first.wait();
    second.exits_with(2).says("state.redb");
}
