//! `cargo xtask build`: the component and the host in release.

use std::path::PathBuf;

use anyhow::Result;

use crate::cargo::{WASM_TARGET, cargo, ensure_wasm_target, run, target_dir};

/// Where the built parts are.
pub struct Built {
    /// The component, `azure_activity.wasm`.
    pub component: PathBuf,
    /// The host, `headwater`.
    pub host: PathBuf,
    /// The server of the demo, `fake-azure`.
    pub fake_azure: PathBuf,
}

/// Builds everything that a demo needs, in release.
pub fn build() -> Result<Built> {
    let component = component()?;
    // One selection of packages for all binaries: another selection would unify features differently and compile
    // the engine a second time.
    run(
        "building the host in release (the first time takes several minutes: the engine is compiled)",
        &mut cargo(&[
            "build",
            "--release",
            "-p",
            "headwater",
            "-p",
            "headwater-tests",
            "--bins",
        ]),
    )?;
    let release = target_dir().join("release");
    let built = Built {
        component,
        host: release.join("headwater"),
        fake_azure: release.join("fake-azure"),
    };
    eprintln!("xtask: built {}", built.component.display());
    eprintln!("xtask: built {}", built.host.display());
    Ok(built)
}

/// Builds the component as it is shipped.
pub fn component() -> Result<PathBuf> {
    ensure_wasm_target()?;
    run(
        "building the component in release",
        // Link-time optimisation pays for a component of this size; for the host it would cost minutes at every build.
        cargo(&[
            "build",
            "--release",
            "-p",
            "azure-activity",
            "--lib",
            "--target",
            WASM_TARGET,
        ])
        .env("CARGO_PROFILE_RELEASE_LTO", "fat"),
    )?;
    Ok(target_dir().join(WASM_TARGET).join("release/azure_activity.wasm"))
}
