//! `cargo xtask bench`: numbers, one JSON object per line.

use anyhow::Result;

use crate::build::component;
use crate::cargo::{cargo, run};

/// Runs every benchmark in release.
pub fn bench() -> Result<()> {
    let component = component()?;
    run(
        "measuring",
        cargo(&["bench", "--workspace"]).env("HEADWATER_COMPONENT", component),
    )
}
