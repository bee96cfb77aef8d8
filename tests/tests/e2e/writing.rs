//! A source written by following `docs/write-a-source.md` to the letter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::artifacts::{target, workspace};
use crate::documentation::blocks;
use crate::second_source::serve_feed;
use crate::site::{Site, Source};

#[test]
fn what_the_page_about_writing_a_source_says_compiles_conforms_and_runs() {
    let page = fs::read_to_string(workspace().join("docs/write-a-source.md")).expect("the page is there");
    let code: Vec<&str> = blocks(&page, "rust").collect();
    let code = code.join("\n");
    let example = fs::read_to_string(workspace().join("tests/guests/example/src/lib.rs"))
        .expect("the example is there");
    assert_eq!(lines(&code), lines(&example), "the page and the example differ");

    let feed = serve_feed(60);
    let source = Source {
        name: "feed".to_owned(),
        plugin: "my_source.wasm".into(),
        allow: feed.clone(),
        config: format!("url = \"{feed}/entries\""),
        sink: "type = \"file\"\npath = \"feed.ndjson\"".to_owned(),
        ..Source::hostile("")
    };
    let site = Site::new(&[source]);
    let manifest = blocks(&page, "toml").next().expect("the first is its Cargo.toml");
    let sdk = workspace().join("sdk").display().to_string();
    let manifest = manifest.replace("../headwater/sdk", &sdk);
    let component = build(&site.path("my-source"), &manifest, &code);
    fs::copy(component, site.path("my_source.wasm")).expect("it was built");
    site.run(&["conformance", "my_source.wasm"]).exits_with(0);
    site.run(&["run", "--once"]).exits_with(0);
    let events = site.events("feed.ndjson");
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["number"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
}

/// The code, blank lines aside: the page sets its pieces apart.
fn lines(code: &str) -> Vec<&str> {
    code.lines().filter(|line| !line.is_empty()).collect()
}

/// Makes the crate in a folder of its own and builds it with the versions that this workspace is built with.
fn build(folder: &Path, manifest: &str, code: &str) -> PathBuf {
    fs::create_dir_all(folder.join("src")).expect("the folder can be written");
    fs::write(folder.join("Cargo.toml"), manifest).expect("the folder can be written");
    fs::write(folder.join("src/lib.rs"), code).expect("the folder can be written");
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the folder can be written");
    let built = target().join("written");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--target", "wasm32-wasip2"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &built)
        // Flags meant for this test's own build would end up in the other one.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the code on the page does not compile");
    built.join("wasm32-wasip2/release/my_source.wasm")
}
