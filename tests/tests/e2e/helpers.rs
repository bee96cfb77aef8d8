//! Secrets from helper programs.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fake_azure::scenario::example;

use crate::lab;
use crate::site::{Site, Source, wait_until};
use crate::tenants::send;

/// Notes what it is asked, and answers what is in the file `vault.json`.
const HONEST: &str = "#!/bin/sh\ncat >> requests\necho >> requests\ncat vault.json\n";
const HANGING: &str = "#!/bin/sh\nsleep 1000\n";

fn write_helper(site: &Site, name: &str, script: &str) {
    site.write(name, script);
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(site.path(name), mode).expect("the file is ours");
}

/// What the helper answers: this secret for these tenants.
fn answers(tenants: &[&str], secret: &str) -> String {
    let answers = tenants
        .iter()
        .map(|name| format!("\"{name}/azure\": {{\"value\": \"{secret}\", \"error\": null}}"));
    format!("{{{}}}", answers.collect::<Vec<_>>().join(","))
}

fn tenant(name: &str, endpoint: &str, helper: &str) -> Source {
    Source::azure(name, endpoint).set(
        "client_secret",
        &format!("{{ secret = \"{helper}\", key = \"{name}/azure\" }}"),
    )
}

fn with_helpers(site: &Site, tables: &str) {
    let configuration = site.read("headwater.toml");
    site.write("headwater.toml", &format!("{tables}\n{configuration}"));
}

fn requests(site: &Site) -> Vec<String> {
    site.read("requests").lines().map(str::to_owned).collect()
}

#[test]
fn one_run_of_a_helper_serves_all_tenants_and_a_refused_secret_is_fetched_again() {
    let server = lab::serve(lab::with_events(10));
    let names = ["a", "b"];
    let site = Site::new(&names.map(|name| tenant(name, server.endpoint(), "vault")));
    with_helpers(
        &site,
        "[secrets.vault]\ncommand = [\"./fetch\"]\ntimeout = \"60s\"",
    );
    write_helper(&site, "fetch", HONEST);
    site.write("vault.json", &answers(&names, "an-outdated-secret"));
    site.run(&["validate"]).exits_with(0);
    assert_eq!(
        requests(&site),
        ["{\"secrets\":[\"a/azure\",\"b/azure\"],\"version\":\"1.0\"}"]
    );
    let host = site.start(&["run"]);
    wait_until("the secret was tried", || requests(&site).len() == 2);
    site.write("vault.json", &answers(&names, example::CLIENT_SECRET));
    wait_until("both are read", || {
        names
            .iter()
            .all(|name| site.ids(&format!("{name}.ndjson")) == lab::visible_ids(&server))
    });
    send("TERM", &host);
    let finished = crate::site::finish(host);
    finished.exits_with(0);
    for secret in ["an-outdated-secret", example::CLIENT_SECRET] {
        assert!(!finished.text().contains(secret), "{}", finished.text());
    }
}

#[test]
fn a_helper_that_hangs_or_fails_concerns_its_own_tenants_only() {
    let server = lab::serve(lab::with_events(10));
    let endpoint = server.endpoint();
    let mut tenants: Vec<Source> = (0..5)
        .map(|number| tenant(&format!("slow-{number}"), endpoint, "slow"))
        .collect();
    tenants.push(tenant("broken", endpoint, "broken"));
    tenants.push(tenant("absent", endpoint, "absent"));
    tenants.push(tenant("good", endpoint, "vault"));
    let site = Site::new(&tenants);
    let table = |name: &str, timeout: &str| {
        format!("[secrets.{name}]\ncommand = [\"./{name}\"]\ntimeout = \"{timeout}\"\n")
    };
    with_helpers(
        &site,
        &[
            table("slow", "2s"),
            table("broken", "60s"),
            table("absent", "60s"),
            table("vault", "60s"),
        ]
        .concat(),
    );
    write_helper(&site, "slow", HANGING);
    write_helper(
        &site,
        "broken",
        "#!/bin/sh\necho hunter2-hunter2; echo hunter2-hunter2 >&2; exit 1\n",
    );
    write_helper(&site, "vault", HONEST);
    site.write("vault.json", &answers(&["good"], example::CLIENT_SECRET));
    let finished = site.run(&["run", "--once"]);
    finished
        .exits_with(1)
        .says("did not answer within 2s")
        .says("failed (exit status: 1)")
        .says("cannot be started");
    assert!(!finished.text().contains("hunter2"), "{}", finished.text());
    assert_eq!(site.ids("good.ndjson"), lab::visible_ids(&server));
    assert!(Path::new(&site.path("vault")).exists());
}

#[test]
fn a_secret_of_a_helper_that_is_not_described_is_named_with_its_key() {
    let site = Site::new(&[tenant("a", "http://127.0.0.1:9", "valt")]);
    site.run(&["validate"])
        .exits_with(2)
        .says("config.client_secret: there is no helper `valt`");
}
