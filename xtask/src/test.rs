//! `cargo xtask test`: the gate.

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
        cargo(&["test", "--workspace"])
            .env("HEADWATER_COMPONENT", component)
            .env("HEADWATER_BIN", target_dir().join("debug/headwater")),
    )
}
