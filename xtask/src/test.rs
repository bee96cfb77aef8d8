//! `cargo xtask test`: the gate.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::build::component;
use crate::cargo::{WASM_TARGET, cargo, ensure_wasm_target, run, target_dir};

/// Checks formatting and lints, then runs every test, through the real component and the real host binary.
pub fn test() -> Result<()> {
    ensure_wasm_target()?;
    run(
        "checking the formatting",
        &mut cargo(&["fmt", "--all", "--check"]),
    )?;
    run(
        "checking lints",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    )?;
    // What is built only for this target: the component layer, and all of the other sources.
    let components = [
        "azure-activity",
        "example-source",
        "file-reader",
        "hostile-source",
    ];
    run(
        "checking lints of the components",
        cargo(&["clippy", "--lib", "--target", WASM_TARGET])
            .args(components.iter().flat_map(|package| ["-p", package]))
            .args(["--", "-D", "warnings"]),
    )?;
    let component = component()?;
    run(
        "building the tests and the host",
        &mut cargo(&["build", "--workspace", "--bins", "--tests"]),
    )?;
    run(
        "running the tests",
        &mut with_artifacts(cargo(&["test", "--workspace"]), &component),
    )?;
    test_with_others(&component)
}

/// Tests that need what others wrote: their filter, and a file that tells that `.ci/run` has installed it. Relative
/// names lie in the target folder.
const WITH_OTHERS: [(&str, &str); 6] = [
    ("portability::python", "embed/python/bin/python"),
    ("portability::node", "embed/node/node_modules"),
    ("receivers::forward", "receivers/node/node_modules"),
    ("receivers::otlp", "receivers/python/rotel"),
    ("receivers::http", "/usr/sbin/clickhouse-server"),
    ("failures::a_clock", "/usr/lib/x86_64-linux-gnu/faketime"),
];

/// Runs the component in other runtimes and the sinks against other receivers, where they are installed.
fn test_with_others(component: &Path) -> Result<()> {
    let (here, missing): (Vec<_>, Vec<_>) = WITH_OTHERS
        .into_iter()
        .partition(|(_, file)| target_dir().join(file).exists());
    for (filter, file) in missing {
        eprintln!("xtask: not testing {filter}: {file} is not installed (.ci/run does)");
    }
    if here.is_empty() {
        return Ok(());
    }
    let mut command = cargo(&["test", "--workspace", "--test", "e2e", "--", "--ignored"]);
    command.args(here.iter().map(|(filter, _)| filter));
    run(
        "testing with what others wrote",
        &mut with_artifacts(command, component),
    )
}

/// Names the built files to the tests.
fn with_artifacts(mut command: Command, component: &Path) -> Command {
    command
        .env("HEADWATER_COMPONENT", component)
        .env("HEADWATER_BIN", target_dir().join("debug/headwater"));
    command
}
