//! The conformance kit passes honest sources, and finds the one promise that a dishonest one breaks.

use std::path::Path;

use serde_json::Value;

use crate::altered::of_version;
use crate::artifacts;
use crate::lab;
use crate::second_source::serve_feed;
use crate::site::{Finished, Site, Source, finish, headwater};

#[test]
fn the_azure_source_keeps_every_promise() {
    let server = lab::serve(lab::with_events(60));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let report = examine(&site, artifacts::azure_activity());
    assert_eq!(checks(&report, "failed"), [""; 0], "{report:#}");
    assert_eq!(checks(&report, "not-checked"), [""; 0], "{report:#}");
    assert!(server.azure().violations().is_empty());
}

#[test]
fn the_example_source_keeps_every_promise_that_one_partition_can_show() {
    let feed = serve_feed(60);
    let site = Site::new(&[Source {
        allow: feed.clone(),
        config: format!("url = \"{feed}/entries\""),
        ..hostile("")
    }]);
    let report = examine(&site, artifacts::example_source());
    assert_eq!(checks(&report, "failed"), [""; 0], "{report:#}");
    assert_eq!(checks(&report, "not-checked"), ["independence"], "{report:#}");
}

#[test]
fn each_defect_is_found_and_named() {
    let feed = serve_feed(0);
    let reached = format!("url = \"{feed}/\"\norigins = [\"{feed}\"]");
    for (config, check) in [
        ("defect = 'judges-by-the-clock'", "validate"),
        ("defect = 'none'\npartitions = ['a', 'a']", "discover"),
        ("defect = 'ignores-its-budget'", "budget"),
        ("defect = 'repeats'", "resume"),
        ("defect = 'forgets'", "resume"),
        ("defect = 'remembers'", "fresh-instance"),
        ("defect = 'reads-by-session'", "session-loss"),
        (
            "defect = 'reads-by-session'\npartitions = ['a', 'b']",
            "independence",
        ),
        ("defect = 'fails-at-the-end'", "empty-progress"),
        ("defect = 'shouts'", "error-shape"),
        (
            &format!("defect = 'swallows-failures'\n{reached}"),
            "interruption",
        ),
        (
            &format!("defect = 'takes-refusals-for-the-end'\n{reached}"),
            "refusal",
        ),
        (&format!("defect = 'waits-for-ever'\n{reached}"), "deadline"),
        (&format!("defect = 'none'\n{reached}"), "partition-identity"),
        ("defect = 'shares-ids'", "unique-ids"),
        ("defect = 'restarts'", "cursor-refusal"),
        ("defect = 'rolls-dice'", "clock"),
        ("defect = 'leaks'\nsecret = { env = 'LAB_SECRET' }", "secrets"),
        ("attack = 'fetch'\nurl = 'https://elsewhere.example/'", "origins"),
        ("attack = 'invalid-body'", "events"),
        ("attack = 'two-lines'", "events"),
        ("attack = 'empty-id'", "events"),
        ("attack = 'giant-stderr'", "logs"),
        ("attack = 'escape-stderr'", "logs"),
        ("attack = 'oversized-cursor'", "cursor-format"),
        ("attack = 'unversioned-cursor'", "cursor-format"),
        ("attack = 'trap'", "batch-or-error"),
        ("attack = 'memory-bomb'", "batch-or-error"),
        ("attack = 'endless-loop'", "batch-or-error"),
    ] {
        let site = Site::new(&[Source {
            allow: feed.clone(),
            ..hostile(config)
        }]);
        let report = examine(&site, artifacts::hostile_source());
        assert!(checks(&report, "failed").contains(&check), "{config}: {report:#}");
    }
}

#[test]
fn a_crash_is_shown_with_the_call_and_the_last_of_its_stderr() {
    let site = Site::new(&[hostile("attack = 'trap'")]);
    let report = examine(&site, artifacts::hostile_source()).to_string();
    assert!(
        report.contains("the poll of")
            && report.contains("its stderr ends with")
            && report.contains("as intended"),
        "{report}"
    );
}

/// Its schema explains no key, which is all that is wrong with it: what the defects above break is what was found.
#[test]
fn the_feed_without_a_defect_fails_for_its_description_only() {
    let feed = serve_feed(0);
    let config =
        format!("defect = 'none'\nurl = \"{feed}/\"\norigins = [\"{feed}\"]\npartitions = ['a', 'b']");
    let site = Site::new(&[Source {
        allow: feed,
        ..hostile(&config)
    }]);
    let report = examine(&site, artifacts::hostile_source());
    assert_eq!(checks(&report, "failed"), ["describe"], "{report:#}");
    assert_eq!(checks(&report, "not-checked"), [""; 0], "{report:#}");
}

#[test]
fn forbidden_imports_and_other_versions_are_findings_and_other_files_are_mistakes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let conformance = |plugin: &Path| {
        let mut command = headwater(folder.path());
        command.args(["conformance", "--format", "json"]).arg(plugin);
        finish(command.spawn().expect("headwater starts"))
    };
    let importing = folder.path().join("importing.wasm");
    std::fs::write(&importing, crate::altered::importing("acme:kv/store@1.0.0"))
        .expect("the folder can be written");
    let finished = conformance(&importing);
    assert_eq!(checks(&parse(&finished, 1), "failed"), ["world"]);

    let newer = folder.path().join("newer.wasm");
    let component = std::fs::read(artifacts::example_source()).expect("it was built");
    std::fs::write(&newer, of_version(component, b"@0.3.0")).expect("the folder can be written");
    let finished = conformance(&newer);
    assert_eq!(checks(&parse(&finished, 1), "failed"), ["version"]);

    std::fs::write(&newer, "no component").expect("the folder can be written");
    conformance(&newer).exits_with(2).says("another kind of file");
}

#[test]
fn a_configuration_with_several_sources_needs_a_name() {
    let site = Site::new(&[
        hostile("defect = 'none'"),
        Source::azure("contoso", "http://127.0.0.1:9"),
    ]);
    let plugin = artifacts::hostile_source().display().to_string();
    site.run(&["conformance", &plugin]).exits_with(2).says("--source");
    site.run(&["conformance", &plugin, "--source", "mallory"])
        .exits_with(1)
        .says("What is wrong:");
}

#[test]
fn an_upstream_that_cannot_be_read_is_no_pass() {
    let site = Site::new(&[Source::azure("contoso", "http://127.0.0.1:9")]);
    let plugin = artifacts::azure_activity().display().to_string();
    site.run(&["conformance", &plugin])
        .exits_with(1)
        .says("The examination ended early: discover says: ");
}

fn hostile(config: &str) -> Source {
    Source {
        config: config.to_owned(),
        sink: "type = \"stdout\"".to_owned(),
        rest: "[source.limits]\npoll_timeout = \"2s\"\nmemory = \"32MiB\"".to_owned(),
        ..Source::hostile("")
    }
}

#[track_caller]
fn examine(site: &Site, plugin: &Path) -> Value {
    let plugin = plugin.display().to_string();
    let finished = site.run(&["conformance", &plugin, "--format", "json"]);
    let code = i32::from(finished.stdout.contains("\"failed\""));
    parse(&finished, code)
}

#[track_caller]
fn parse(finished: &Finished, code: i32) -> Value {
    finished.exits_with(code);
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.text()))
}

fn checks<'a>(report: &'a Value, outcome: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks
        .iter()
        .filter(|verdict| verdict["outcome"] == outcome)
        .filter_map(|verdict| verdict["check"].as_str())
        .collect()
}
