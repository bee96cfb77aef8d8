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
    test_embeddings(&component)
}

/// The programs of `docs/embed`, and what of their packages tells that `.ci/run` has installed them.
const EMBEDDINGS: [(&str, &str); 2] = [("python", "bin/python"), ("node", "node_modules")];

/// Runs the component in the runtimes of other languages, where they are installed.
fn test_embeddings(component: &Path) -> Result<()> {
    for (language, installed) in EMBEDDINGS {
        let folder = target_dir().join("embed").join(language);
        if !folder.join(installed).exists() {
            eprintln!(
                "xtask: not testing docs/embed/{language}: its packages are not installed (.ci/run does)"
            );
            continue;
        }
        let filter = format!("portability::{language}");
        let command = cargo(&["test", "--workspace", "--test", "e2e", "--", "--ignored", &filter]);
        run(
            &format!("testing docs/embed/{language}"),
            &mut with_artifacts(command, component),
        )?;
    }
    Ok(())
}

/// Names the built files to the tests.
fn with_artifacts(mut command: Command, component: &Path) -> Command {
    command
        .env("HEADWATER_COMPONENT", component)
        .env("HEADWATER_BIN", target_dir().join("debug/headwater"));
    command
}
