//! The same file in other people's runtimes: the programs of `docs/embed` deliver what `headwater` delivers.
//!
//! Each needs packages of its language, which `.ci/run` installs below the target folder; `cargo xtask test` runs these
//! tests where they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fake_azure::Server;
use fake_azure::scenario::example;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::altered;
use crate::artifacts;
use crate::lab;
use crate::site::{Finished, Site, Source, finish};

#[test]
#[ignore = "needs the wasmtime package for Python"]
fn python_delivers_what_the_host_delivers() {
    let python = python();
    delivers_what_the_host_delivers(&python);
    survives_traps_and_refuses_unknown_imports(&python);
}

#[test]
#[ignore = "needs jco-transpile and preview2-shim for Node"]
fn node_delivers_what_the_host_delivers() {
    let node = Program::new("node", "headwater-embed.mjs");
    delivers_what_the_host_delivers(&node);
    survives_traps_and_refuses_unknown_imports(&node);
}

/// The failed list and the throttled request show that errors are understood as well.
#[track_caller]
fn delivers_what_the_host_delivers(program: &Program) {
    let server = lab::serve_with_faults(
        lab::with_events(500),
        r#"{"faults": [
            {"on": {"endpoint": "subscriptions", "times": 1}, "do": {"fail": {"status": 503}}},
            {"on": {"endpoint": "log", "page": 1}, "do": {"throttle": {"seconds": 1}}}
        ]}"#,
    );
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    write_settings(&site, &server, server.endpoint());
    let embedded = program.run(&site);
    embedded
        .exits_with(0)
        .says("discover: ")
        .says("[azure.throttled]");
    site.run(&["run", "--once"]).exits_with(0);

    let plugin = std::fs::read(artifacts::azure_activity()).expect("it was built");
    embedded.says(&format!("plugin sha256 {}\n", sha256(&plugin)));
    let ids = site.ids("contoso.ndjson");
    assert_eq!(ids, lab::visible_ids(&server));
    let listed: String = ids.iter().map(|id| format!("{id}\n")).collect();
    embedded.says(&format!(
        "events {} sha256 {}\n",
        ids.len(),
        sha256(listed.as_bytes())
    ));
    assert!(
        sorted_lines(&site, "events.ndjson") == sorted_lines(&site, "contoso.ndjson"),
        "the ids are the same but not the bodies"
    );

    program.run(&site).exits_with(0).says("events 0 ");
    assert!(server.azure().violations().is_empty());

    write_settings(&site, &server, "https://elsewhere.example");
    program
        .run(&site)
        .exits_with(1)
        .says(&format!("the configuration also needs {}", server.endpoint()));
}

/// Two partitions trap at every poll: each is asked again, beside the other, and given up in the end.
#[track_caller]
fn survives_traps_and_refuses_unknown_imports(program: &Program) {
    let site = Site::new(&[]);
    let config = json!({ "attack": "trap", "partitions": ["one", "other"] });
    site.write(
        "settings.json",
        &json!({ "allow": [], "config": config }).to_string(),
    );
    let trapped = program.run_plugin(&site, artifacts::hostile_source());
    trapped.exits_with(1);
    for partition in ["one", "other"] {
        let crashes = trapped
            .stderr
            .matches(&format!("{partition}: the plugin crashed"))
            .count();
        assert_eq!(crashes, 5, "{}", trapped.stderr);
    }

    let importing = site.path("importing.wasm");
    std::fs::write(&importing, altered::importing("acme:kv/store@1.0.0")).expect("the folder can be written");
    program
        .run_plugin(&site, &importing)
        .exits_with(1)
        .says("acme:kv/store");
}

fn python() -> Program {
    let program = Program::new("python", "headwater_embed.py");
    Program {
        interpreter: program.file.with_file_name("bin").join("python"),
        ..program
    }
}

/// A program of `docs/embed`, beside its packages.
struct Program {
    interpreter: PathBuf,
    file: PathBuf,
}

impl Program {
    fn new(language: &str, name: &str) -> Self {
        let embed = Path::new("docs/embed").join(language);
        let file = artifacts::target().join("embed").join(language).join(name);
        std::fs::copy(artifacts::workspace().join(embed).join(name), &file)
            .unwrap_or_else(|error| panic!("{}: {error}; .ci/run installs the packages", file.display()));
        Self {
            interpreter: language.into(),
            file,
        }
    }

    #[track_caller]
    fn run(&self, site: &Site) -> Finished {
        self.run_plugin(site, artifacts::azure_activity())
    }

    #[track_caller]
    fn run_plugin(&self, site: &Site, plugin: &Path) -> Finished {
        let child = Command::new(&self.interpreter)
            .arg(&self.file)
            .arg(plugin)
            .args([site.path("settings.json"), site.path("")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.interpreter.display()));
        finish(child)
    }
}

fn write_settings(site: &Site, server: &Server, allow: &str) {
    let endpoint = server.endpoint();
    let settings = json!({
        "allow": [allow],
        "config": {
            "tenant_id": example::TENANT,
            "client_id": example::CLIENT_ID,
            "client_secret": example::CLIENT_SECRET,
            "subscription_id": "*",
            "start": "24h",
            "cloud": { "authority": endpoint, "resource_manager": endpoint },
        },
    });
    site.write("settings.json", &settings.to_string());
}

fn sorted_lines(site: &Site, name: &str) -> Vec<String> {
    let mut lines: Vec<String> = site.read(name).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
