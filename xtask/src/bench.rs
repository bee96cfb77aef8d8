//! `cargo xtask bench`: numbers, one JSON object per line.

use anyhow::Result;

use crate::build::programs;
use crate::cargo::{cargo, run};
use crate::component::STANDARD;

/// The benchmarks, by name: a plain `cargo bench` would also list every unit test, between the lines for scripts.
const BENCHES: [&str; 6] = ["cursor", "revisit", "normalize", "poll", "fleet", "attack"];

/// Runs every benchmark in release.
pub fn bench() -> Result<()> {
    let component = STANDARD.build()?;
    let host = programs()?.host;
    run(
        "measuring",
        cargo(&["bench", "--workspace"])
            .args(BENCHES.iter().flat_map(|name| ["--bench", name]))
            .env("HEADWATER_COMPONENT", component)
            .env("HEADWATER_BIN", host),
    )
}
