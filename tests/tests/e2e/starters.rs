//! The starters of `sdk/`: sources in Python and JavaScript, built by the tools of those languages as they are, run under the
//! default limits and keep every promise of the contract.
//!
//! The tools are installed below the target folder by `.ci/run`; `cargo xtask test` runs these tests where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::artifacts;
use crate::audit_feed::{CLIENT_ID, CLIENT_SECRET, Feed};
use crate::site::{Finished, Site, Source};

#[test]
#[ignore = "needs componentize-py"]
fn python_reads_under_the_default_limits_and_keeps_every_promise() {
    let tools = artifacts::target().join("starters/python/bin/componentize-py");
    let component = artifacts::target().join("starters/feed_python.wasm");
    let mut build = Command::new(tools);
    build
        .args(["--wit-path"])
        .arg(artifacts::workspace().join("wit"))
        .args(["--world", "log-source", "componentize", "feed", "--python-path"])
        .arg(artifacts::workspace().join("sdk/python"))
        .arg("--output")
        .arg(&component);
    run(build);
    reads_and_keeps_every_promise(&component);
}

#[test]
#[ignore = "needs componentize-js"]
fn javascript_reads_under_the_default_limits_and_keeps_every_promise() {
    let folder = artifacts::target().join("starters/javascript");
    let component = artifacts::target().join("starters/feed_javascript.wasm");
    for file in ["build.mjs", "feed.js", "headwater.js"] {
        let from = artifacts::workspace().join("sdk/javascript").join(file);
        std::fs::copy(from, folder.join(file)).expect("the folder can be written");
    }
    let mut build = Command::new("node");
    build
        .current_dir(&folder)
        .arg("build.mjs")
        .arg(artifacts::workspace().join("wit"))
        .arg(&component);
    run(build);
    reads_and_keeps_every_promise(&component);
}

#[track_caller]
fn run(mut build: Command) {
    let built = build
        .output()
        .unwrap_or_else(|error| panic!("{build:?}: {error}"));
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{build:?}: {said}");
}

#[track_caller]
fn reads_and_keeps_every_promise(component: &Path) {
    let feed = Feed::serve(250);
    let site = Site::new(&[source(component, &feed, CLIENT_SECRET)]);
    keep_compiled(&site);
    site.run(&["check"]).exits_with(0).says("the log is readable");
    feed.end_tokens_after(2);
    once(&site).exits_with(0);
    numbers_are(&site, 250);
    let event = &site.events("feed.ndjson")[6];
    assert_eq!(event["text"], "entry ä 7");

    feed.append(3);
    once(&site).exits_with(0);
    numbers_are(&site, 253);
    assert!(feed.logins() > 3, "tokens that ended were replaced");
    // An examination answers a login as it was answered before.
    feed.end_tokens_after(0);

    feed.refuse(403);
    once(&site).exits_with(1).says("upstream.status_403");
    feed.refuse(0);
    let refused = Site::new(&[source(component, &feed, "another")]);
    keep_compiled(&refused);
    refused
        .run(&["check"])
        .exits_with(1)
        .says("the login was refused");

    let component = component.display().to_string();
    let examined = site.run(&["conformance", &component, "--format", "json"]);
    let report: Value =
        serde_json::from_str(&examined.stdout).unwrap_or_else(|error| panic!("{error}: {}", examined.text()));
    let checks = report["checks"].as_array().expect("a list");
    let of = |outcome: &str| -> Vec<&str> {
        let checks = checks.iter().filter(|check| check["outcome"] == outcome);
        checks.filter_map(|check| check["check"].as_str()).collect()
    };
    assert_eq!(of("failed"), [""; 0], "{report:#}");
    assert_eq!(of("not-checked"), ["independence"], "{report:#}");
}

fn source(component: &Path, feed: &Feed, secret: &str) -> Source {
    let url = &feed.url;
    Source {
        name: "feed".to_owned(),
        plugin: PathBuf::from(component),
        allow: url.clone(),
        interval: "1s".to_owned(),
        keys: String::new(),
        config: format!("url = \"{url}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{secret}\""),
        sink: "type = \"file\"\npath = \"feed.ndjson\"".to_owned(),
        rest: String::new(),
    }
}

/// Keeps compiled code between runs: these components take half a minute to compile.
fn keep_compiled(site: &Site) {
    let cache = artifacts::target().join("starters/cache");
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[cache]\npath = \"{}\"\n{configuration}", cache.display()),
    );
}

fn once(site: &Site) -> Finished {
    site.run(&["run", "--once"])
}

#[track_caller]
fn numbers_are(site: &Site, count: u64) {
    let events = site.events("feed.ndjson");
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["number"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=count).collect::<Vec<u64>>());
}
