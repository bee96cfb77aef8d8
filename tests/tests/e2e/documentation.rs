//! The pages for people: commands that work, configurations that are accepted. Links are checked by `cargo xtask docs`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use fake_azure::scenario::example;

use crate::artifacts::{self, workspace};
use crate::lab;
use crate::site::{Site, Source, headwater};

/// Commands that take too long here, and where they are run instead.
const RUN_ELSEWHERE: [(&str, &str); 7] = [
    ("cargo test ", "by the gate, whole"),
    (
        "PROPTEST_CASES=20000 cargo test ",
        "by the gate, with fewer cases",
    ),
    ("cargo bench ", "for performance.md"),
    (
        "cargo run -p headwater-tests --bin fake-azure",
        "by `lab` and by the demonstration",
    ),
    ("cargo deny ", "before a release"),
    ("python3 -m venv ", "by .ci/run, for `portability`"),
    (
        "npm install --prefix docs/embed/node",
        "by .ci/run, for `portability`",
    ),
];

#[test]
fn every_command_works_or_says_what_it_needs() {
    for page in pages() {
        let text = read(&page);
        let blocks = blocks(&text, "console").chain(blocks(&text, "sh"));
        let commands: Vec<&str> = blocks
            .flat_map(str::lines)
            .filter(|line| !needs_something(line))
            .collect();
        if !commands.is_empty() {
            run(&page, &commands);
        }
    }
}

/// In `# needs Azure` and the like.
fn needs_something(line: &str) -> bool {
    line.rsplit_once(" # ")
        .is_some_and(|(_, comment)| comment.trim_start().starts_with("needs "))
}

/// Runs the commands of a page one after the other, in a folder as an operator has it.
fn run(page: &Path, commands: &[&str]) {
    let server = lab::serve(lab::with_events(3));
    let source = Source {
        sink: "type = \"file\"\npath = \"events.ndjson\"".to_owned(),
        ..Source::azure("contoso", server.endpoint())
    };
    let site = Site::new(&[source]);
    symlink(artifacts::azure_activity(), site.path("azure_activity.wasm"))
        .expect("the folder can be written");
    symlink(artifacts::host(), site.path("headwater")).expect("the folder can be written");
    let mut script = String::from("set -eu\n");
    for line in commands {
        let command = line.strip_prefix("$ ").unwrap_or(line);
        let command = command.split(" # ").next().unwrap_or_default().trim();
        if RUN_ELSEWHERE.iter().any(|(start, _)| command.starts_with(start)) {
            continue;
        }
        script += &match command.strip_prefix("cargo xtask ") {
            // Whether there is such a task, with these options; the tasks themselves take minutes.
            Some(task) => format!("{} {task} --help > /dev/null\n", xtask().display()),
            // Until it has caught up, not until it is stopped.
            None if command.contains("headwater run --config") => format!("{command} --once\n"),
            None => format!("{command}\n"),
        };
    }
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(site.path(""))
        .env("PATH", format!("{}:/usr/bin:/bin", site.path("").display()))
        .env("HOME", site.path(""))
        // The compilation cache, shared by all tests.
        .env(
            "XDG_CACHE_HOME",
            std::env::temp_dir().join("headwater-tests/.cache"),
        )
        .env("LAB_SECRET", example::CLIENT_SECRET)
        .output()
        .expect("a shell starts");
    assert!(
        output.status.success(),
        "{}:\n{script}\n{}",
        page.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn xtask() -> PathBuf {
    artifacts::host().with_file_name("xtask")
}

#[test]
fn every_configuration_and_every_sink_is_accepted() {
    let mut found = 0;
    for page in pages() {
        let text = read(&page);
        for block in blocks(&text, "toml") {
            let configuration = if block.starts_with("[source.sink]") {
                format!("[[source]]\nname = \"contoso\"\nplugin = \"source.wasm\"\n{block}")
            } else if block.contains("[[source]]") && block.contains("[source.config]\n") {
                block.to_owned()
            } else {
                continue;
            };
            found += 1;
            let site = Site::new(&[]);
            site.write("headwater.toml", &configuration);
            // Reads the whole configuration, and sends nothing.
            let finished = site.run(&["state", "list"]);
            let text = finished.text();
            assert!(
                text.contains("there is no state file"),
                "{}: {text}",
                page.display()
            );
        }
    }
    assert!(found > 8, "only {found} configurations were found");
}

#[test]
fn every_code_of_the_host_has_a_row() {
    let page = read(&workspace().join("docs/errors.md"));
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `host.")?.split('`').next())
        .collect();
    let files = rust_files()
        .into_iter()
        .filter(|file| file.starts_with(workspace().join("host")))
        .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        .filter(|file| !file.ends_with("tests.rs"));
    let texts: Vec<String> = files.map(|file| read(&file)).collect();
    let written: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| {
            text.split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .split("Failure::host(")
                .skip(1)
        })
        .filter_map(|rest| rest.split('"').nth(1))
        .collect();
    assert_eq!(documented, written);
}

#[test]
fn every_command_of_the_program_is_on_the_page_of_the_configuration() {
    let page = read(&workspace().join("docs/configuration.md"));
    let finished = crate::site::finish(
        headwater(&std::env::temp_dir())
            .arg("--help")
            .spawn()
            .expect("it starts"),
    );
    let commands = finished
        .stdout
        .split("Commands:")
        .nth(1)
        .expect("it has commands");
    let commands = commands.split("Options:").next().unwrap_or_default();
    // Two blanks; what begins with more goes on with the line before.
    let names = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    assert!(names.clone().count() > 8, "{commands}");
    for line in names {
        let command = line.split_whitespace().next().unwrap_or_default();
        let is_there = command == "help" || page.contains(&format!("headwater {command}"));
        assert!(is_there, "{command} is missing");
    }
}

/// Every page for people.
fn pages() -> Vec<PathBuf> {
    let root = workspace();
    let mut pages = vec![root.join("tests/README.md"), root.join("fixtures/README.md")];
    for folder in [
        "",
        "docs",
        "docs/elastic",
        "docs/recipes",
        "sdk/python",
        "sdk/javascript",
    ]
    .map(|folder| root.join(folder))
    {
        pages.extend(
            files(&folder)
                .into_iter()
                .filter(|file| file.extension() == Some("md".as_ref())),
        );
    }
    let collectors = ["c", "fluent-bit", "opentelemetry"];
    pages.extend(collectors.map(|folder| root.join("collectors").join(folder).join("README.md")));
    pages
}

/// The code and the tests of the host.
pub fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["host/src", "host/cli/src", "host/conformance/src", "tests/tests"]
        .map(|folder| workspace().join(folder))
        .into();
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs".as_ref()) {
                found.push(path);
            }
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect()
}

pub fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The contents of a page's blocks in one language.
pub fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("\n```{language}\n");
    let contents: Vec<&str> = page
        .split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    contents.into_iter()
}
