//! The library as other programs use it: its examples against the fake Azure, and what it does not bring along.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fake_azure::Server;
use fake_azure::scenario::example;
use serde_json::json;

use crate::artifacts;
use crate::lab;
use crate::site::{Finished, Site, finish};

#[test]
fn an_example_with_its_own_cursor_store_reads_everything_once_and_goes_on_there() {
    let server = lab::serve(lab::with_events(300));
    let site = settings(&server, &["example"]);
    let first = run(&site, "pull", &["example.json", "cursors.json"]);
    first.exits_with(0);
    assert_eq!(ids(&first.stdout), expected(&server));
    let again = run(&site, "pull", &["example.json", "cursors.json"]);
    again.exits_with(0);
    assert_eq!(again.stdout, "");
}

#[test]
fn an_example_with_events_and_cursors_in_one_transaction_survives_being_killed() {
    let server = lab::serve(lab::with_events(2_000));
    let site = settings(&server, &["example"]);
    let database = site.path("events.sqlite");
    let stored = || {
        let connection = rusqlite::Connection::open(&database).expect("a database");
        let count = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0));
        count.unwrap_or(0_i64)
    };
    let mut killed = 0;
    // Killed as soon as something has been stored, so that something is left.
    for least in [1, 500, 1_000] {
        let mut child = spawn(&site, "transaction", &["example.json", "events.sqlite"]);
        while stored() < least && child.try_wait().expect("it runs").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        killed += usize::from(child.try_wait().expect("it runs").is_none());
        let _ = child.kill();
        let _ = child.wait();
    }
    assert!(killed > 0, "it was never killed before its end");
    run(&site, "transaction", &["example.json", "events.sqlite"]).exits_with(0);
    let connection = rusqlite::Connection::open(&database).expect("a database");
    let mut statement = connection.prepare("SELECT id FROM event").expect("a table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    let found: Vec<String> = rows.map(|id| id.expect("an id")).collect();
    let distinct: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(distinct, expected(&server));
    assert_eq!(found.len(), distinct.len(), "each once");
}

#[test]
fn an_example_adds_and_removes_a_source_while_another_is_read() {
    let server = lab::serve(lab::with_events(100));
    let site = settings(&server, &["contoso", "fabrikam"]);
    let mut child = spawn(&site, "tenants", &["state.redb"]);
    let mut input = child.stdin.take().expect("it reads");
    let mut lines = BufReader::new(child.stdout.take().expect("it prints")).lines();
    let mut next = |name: &str, count: usize| {
        let mut found = 0;
        while found < count {
            let line = lines.next().expect("more lines").expect("text");
            found += usize::from(line.starts_with(name));
        }
    };
    writeln!(input, "contoso.json").expect("it listens");
    next("contoso", 200);
    writeln!(input, "nowhere.json\nfabrikam.json").expect("it listens");
    next("fabrikam", 200);
    writeln!(input, "-contoso.json").expect("it listens");
    drop(input);
    let finished = finish(child);
    finished
        .exits_with(0)
        .says("removed contoso")
        .says("nowhere.json: ");
}

/// An embedder chooses what it links. None of this is a part of the library alone.
#[test]
fn without_features_the_library_brings_no_command_line_database_or_terminal_along() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "headwater",
            "--no-default-features",
            "--edges",
            "normal",
        ])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(artifacts::workspace())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("text");
    let crates: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("wasmtime"), "{text}");
    let unwanted = [
        "clap",
        "flate2",
        "indicatif",
        "mimalloc",
        "redb",
        "rmpv",
        "toml",
        "tracing-subscriber",
    ];
    let found: Vec<&str> = unwanted
        .into_iter()
        .filter(|name| crates.contains(name))
        .collect();
    assert_eq!(found, [""; 0]);
}

/// The contract lies beside the crate, and travels with it.
#[test]
fn the_package_of_the_library_holds_the_contract() {
    let listed = Command::new(env!("CARGO"))
        .args([
            "package",
            "--package",
            "headwater",
            "--list",
            "--allow-dirty",
            "--offline",
        ])
        .current_dir(artifacts::workspace())
        .output()
        .expect("cargo runs");
    let files = String::from_utf8(listed.stdout).expect("text");
    for file in ["src/lib.rs", "wit/source.wit", "examples/pull.rs"] {
        let is_there = files.lines().any(|line| line == file);
        assert!(is_there, "{file}: {}", String::from_utf8_lossy(&listed.stderr));
    }
}

fn settings(server: &Server, names: &[&str]) -> Site {
    let site = Site::new(&[]);
    let endpoint = server.endpoint();
    for name in names {
        let settings = json!({
            "name": name,
            "allow": [endpoint],
            "config": {
                "tenant_id": example::TENANT,
                "client_id": example::CLIENT_ID,
                "client_secret": example::CLIENT_SECRET,
                "subscription_id": "*",
                "start": "24h",
                "cloud": { "authority": endpoint, "resource_manager": endpoint },
            },
        });
        site.write(&format!("{name}.json"), &settings.to_string());
    }
    site
}

fn spawn(site: &Site, name: &str, arguments: &[&str]) -> Child {
    let program: PathBuf = artifacts::host().with_file_name("examples").join(name);
    Command::new(&program)
        .arg(artifacts::azure_activity())
        .args(arguments)
        .current_dir(site.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

fn run(site: &Site, name: &str, arguments: &[&str]) -> Finished {
    finish(spawn(site, name, arguments))
}

fn ids(lines: &str) -> BTreeSet<String> {
    let id = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        event["event"]["id"].as_str().expect("an id").to_owned()
    };
    lines.lines().map(id).collect()
}

fn expected(server: &Server) -> BTreeSet<String> {
    lab::visible_ids(server).into_iter().collect()
}
