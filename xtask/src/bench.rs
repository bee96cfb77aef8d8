//! `cargo xtask bench`: numbers, one JSON object per line.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::build::programs;
use crate::cargo::{PROGRAMS, cargo, root, run, target_dir};
use crate::component::STANDARD;

/// The benchmarks, by name: a plain `cargo bench` would also list every unit test, between the lines for scripts.
const BENCHES: [&str; 7] = [
    "cursor",
    "revisit",
    "normalize",
    "poll",
    "whole_way",
    "fleet",
    "attack",
];

/// What needs PostgreSQL, and where that is.
const WITH_POSTGRES: &str = "cluster";
const POSTGRES: &str = "/usr/lib/postgresql/15/bin/postgres";

/// Runs every benchmark in release, and if wanted those of others.
pub fn bench(with_peers: bool) -> Result<()> {
    let component = STANDARD.build()?;
    let host = programs()?.host;
    let mut benches = BENCHES.to_vec();
    if Path::new(POSTGRES).exists() {
        benches.push(WITH_POSTGRES);
    } else {
        eprintln!("xtask: not measuring {WITH_POSTGRES}: {POSTGRES} is not installed (.ci/run does)");
    }
    run(
        "measuring",
        cargo(&["bench", "-p", "azure-activity"])
            .args(PROGRAMS)
            .args(benches.iter().flat_map(|name| ["--bench", name]))
            .env("HEADWATER_COMPONENT", component)
            .env("HEADWATER_BIN", host),
    )?;
    if with_peers {
        peers()?;
    }
    Ok(())
}

/// Measures what others take for the same page: VRL for ECS, Python for the envelope of AiSOC.
fn peers() -> Result<()> {
    let folder = root().join("tests/peers");
    run(
        "measuring VRL (compiling it takes some minutes the first time)",
        cargo(&["run", "--release", "--locked", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target_dir().join("peers")),
    )?;
    run(
        "measuring Python",
        Command::new("python3").arg(folder.join("aisoc.py")),
    )
}
