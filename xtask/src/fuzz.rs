//! `cargo xtask fuzz SECONDS`: every fuzz target in turn.

use std::fs;

use anyhow::{Context, Result};

use crate::cargo::{cargo, output, root, run, target_dir};

/// The newest cargo-fuzz when this was written.
const CARGO_FUZZ: &str = "^0.13";
/// Long enough for a record with everything in it.
const LONGEST_INPUT: usize = 8 << 10;
/// What is kept of the inputs that were found, beside the targets.
const SEEDS: &str = "fuzz/seeds";

/// Runs each target for this many seconds. What it finds on the way stays in the target directory, so that the next run
/// goes on from there.
pub fn fuzz(seconds: u64) -> Result<()> {
    if output(&mut cargo(&["fuzz", "--version"])).is_err() {
        let install = ["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ];
        run("installing cargo-fuzz", &mut cargo(&install))?;
    }
    let listed = output(&mut cargo(&["fuzz", "list"]))?;
    for target in listed.lines() {
        let corpus = target_dir().join("fuzz-corpus").join(target);
        // A target that nothing was found with has no seeds yet.
        let seeds = [root().join(SEEDS).join(target), root().join("fixtures/events")];
        let seeds = seeds.into_iter().filter(|folder| folder.is_dir());
        fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
        run(
            &format!("fuzzing {target} for {seconds} s"),
            // Without a sanitizer: the code has no `unsafe` to watch, and a stable compiler is enough.
            cargo(&["fuzz", "run", "--sanitizer", "none", "--target-dir"])
                .arg(target_dir().join("fuzz"))
                .arg(target)
                .arg(&corpus)
                .args(seeds)
                .arg("--")
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-max_len={LONGEST_INPUT}")),
        )?;
    }
    Ok(())
}
