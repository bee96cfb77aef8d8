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
    run(
        "checking lints of the component layer",
        &mut cargo(&[
            "clippy",
            "-p",
            "azure-activity",
            "--lib",
            "--target",
            WASM_TARGET,
            "--",
            "-D",
            "warnings",
        ]),
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
