//! `cargo xtask build`: the components and the host in release.

use std::path::PathBuf;

use anyhow::Result;

use crate::cargo::{PROGRAMS, cargo, run, target_dir};
use crate::collectors;
use crate::component::{Component, SHIPPED};

/// Where the built programs are.
pub struct Programs {
    /// The host, `headwater`.
    pub host: PathBuf,
    /// The server of the demo, `fake-azure`.
    pub fake_azure: PathBuf,
}

/// Builds the components and, unless they alone are wanted, the host; if wanted, what other collectors load. Says where they are.
pub fn build(only_components: bool, with_collectors: bool) -> Result<()> {
    let mut built = SHIPPED
        .into_iter()
        .map(Component::build)
        .collect::<Result<Vec<_>>>()?;
    if !only_components {
        built.push(programs()?.host);
    }
    if with_collectors {
        built.extend(collectors::build()?);
    }
    for file in built {
        eprintln!("xtask: built {}", file.display());
    }
    Ok(())
}

/// Builds the programs in release.
pub fn programs() -> Result<Programs> {
    run(
        "building the host in release (the first time takes several minutes: the engine is compiled)",
        cargo(&["build", "--release", "--bins"]).args(PROGRAMS),
    )?;
    let release = target_dir().join("release");
    Ok(Programs {
        host: release.join("headwater"),
        fake_azure: release.join("fake-azure"),
    })
}
