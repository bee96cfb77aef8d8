//! libheadwater as programs in C use it: from its header alone, under AddressSanitizer.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use fake_azure::Server;
use fake_azure::scenario::example;
use serde_json::{Value, json};

use crate::artifacts;
use crate::embedded::{command, compile};
use crate::lab;
use crate::site::{Finished, event_id, finish, parse_lines};

const SANITIZED: [&str; 2] = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"];

#[test]
fn the_example_polls_to_the_end_goes_on_there_and_leaks_nothing() {
    let server = lab::serve(lab::with_events(300));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = compile(
        folder.path(),
        "collectors/c/examples/poll.c",
        "poll",
        &with(&["-lheadwater"]),
    );
    write(folder.path(), "source.json", &source(&server));
    let first = run(&program, folder.path(), &["source.json", "state.redb"]);
    first.exits_with(0).says("\"contoso\"");
    let ids: BTreeSet<String> = parse_lines(&first.stdout).iter().map(event_id).collect();
    assert_eq!(ids, lab::visible_ids(&server).into_iter().collect());
    let again = run(&program, folder.path(), &["source.json", "state.redb"]);
    again.exits_with(0);
    assert_eq!(again.stdout, "");
}

#[test]
fn the_example_works_when_it_is_linked_with_the_static_library() {
    let server = lab::serve(lab::with_events(10));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let link = ["-l:libheadwater.a", "-lgcc_s", "-lpthread", "-lm", "-ldl"];
    let program = compile(folder.path(), "collectors/c/examples/poll.c", "poll", &link);
    write(folder.path(), "source.json", &source(&server));
    let finished = run(&program, folder.path(), &["source.json", "state.redb"]);
    finished.exits_with(0);
    assert_eq!(parse_lines(&finished.stdout).len(), 20);
}

/// The program judges itself; its exit code says whether everything was as the header says.
#[test]
fn callbacks_for_cursors_threads_refusals_and_wrong_calls_are_as_the_header_says() {
    let server = lab::serve(lab::with_events(300));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = compile(
        folder.path(),
        "collectors/c/tests/border.c",
        "border",
        &with(&["-lheadwater", "-lpthread"]),
    );
    let mut options = source(&server);
    options["dead_letter"] = "dead.ndjson".into();
    write(folder.path(), "source.json", &options);
    let mut forever = options.clone();
    forever["once"] = false.into();
    forever["interval"] = "1s".into();
    write(folder.path(), "forever.json", &forever);
    let finished = run(&program, folder.path(), &["source.json", "forever.json"]);
    finished.exits_with(0).says("all is as the header says");
    assert!(!finished.text().contains(example::CLIENT_SECRET));
    let dead = std::fs::read_to_string(folder.path().join("dead.ndjson")).expect("dead letters");
    assert_eq!(parse_lines(&dead).len(), 1, "{dead}");
    assert!(dead.contains("\"reason\":\"of a test\""), "{dead}");
}

#[test]
fn what_cannot_be_opened_is_an_error_with_its_code_and_the_process_goes_on() {
    let server = lab::serve(lab::with_events(1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = compile(
        folder.path(),
        "collectors/c/examples/poll.c",
        "poll",
        &["-lheadwater"],
    );
    let with = |key: &str, value: Value| {
        let mut options = source(&server);
        options[key] = value;
        options
    };
    for (options, words) in [
        (
            with("plugin", "nowhere.wasm".into()),
            "library.plugin: cannot read the plugin nowhere.wasm",
        ),
        (
            with("plugin", "source.json".into()),
            "library.plugin: source.json is not a WebAssembly component",
        ),
        (with("allow", json!([])), "library.source: "),
        (
            with("name", "no/name".into()),
            "library.source: \"no/name\" is not a valid name",
        ),
        (
            with("intervall", "1s".into()),
            "library.options: options: unknown field `intervall`",
        ),
        (
            with("secrets", json!({ "/client_secret": { "env": "NOWHERE" } })),
            "the environment variable NOWHERE is not set",
        ),
        (
            with(
                "secrets",
                json!({ "/client_secret": { "text": "a wrong secret" } }),
            ),
            "AADSTS7000215",
        ),
    ] {
        write(folder.path(), "source.json", &options);
        let finished = run(&program, folder.path(), &["source.json", "state.redb"]);
        finished.exits_with(1).says(words);
        assert!(!finished.text().contains("a wrong secret"));
    }
}

/// What a program is told by `pkg-config`.
#[test]
fn pkg_config_says_how_to_compile_and_to_link() {
    let output = Command::new("pkg-config")
        .args(["--cflags", "--libs", "headwater"])
        .env("PKG_CONFIG_PATH", artifacts::workspace().join("collectors/c"))
        .output()
        .expect("pkg-config is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("-lheadwater"), "{text} {output:?}");
}

fn source(server: &Server) -> Value {
    let endpoint = server.endpoint();
    json!({
        "name": "contoso",
        "plugin": artifacts::azure_activity(),
        "allow": [endpoint],
        "once": true,
        "secrets": { "/client_secret": { "env": "LAB_SECRET" } },
        "limits": { "batch_events": 100 },
        "config": {
            "tenant_id": example::TENANT,
            "client_id": example::CLIENT_ID,
            "subscription_id": "*",
            "start": "24h",
            "cloud": { "authority": endpoint, "resource_manager": endpoint },
        },
    })
}

fn write(folder: &Path, name: &str, options: &Value) {
    std::fs::write(folder.join(name), options.to_string()).expect("the folder can be written");
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SANITIZED.iter().chain(more).copied().collect()
}

fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Finished {
    finish(
        command(program, folder)
            .args(arguments)
            .spawn()
            .expect("it starts"),
    )
}
