//! The component to measure.

use std::path::PathBuf;

/// The one that `cargo xtask bench` has built.
pub fn component() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("HEADWATER_COMPONENT");
    named
        .map(PathBuf::from)
        .ok_or_else(|| anyhow::anyhow!("run `cargo xtask bench`: it builds the component first"))
}
