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
        // Only a lone cdylib can be optimised across crates at link time. For the host that would cost minutes at every
        // build, so it is asked for here and not in the profile; likewise the size of dependencies, which are not on
        // the hot path.
        cargo(&[
            "rustc",
            "--release",
            "-p",
            "azure-activity",
            "--lib",
            "--crate-type",
            "cdylib",
        ])
        .args(["--target", WASM_TARGET, "--", "-C", "strip=symbols"])
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    )?;
    Ok(target_dir().join(WASM_TARGET).join("release/azure_activity.wasm"))
}
