//! The components as they are shipped: optimised as a whole, without names for debuggers, and the same bytes whatever
//! folder they were built in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo::{WASM_TARGET, cargo, ensure_wasm_target, remapping, run, target_dir};
use crate::strip::strip;

/// A component and the package that it is built from.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// The package's name.
    pub package: &'static str,
    /// Its file, `azure_activity.wasm`.
    pub file: &'static str,
}

/// The linear memory that a component starts with, in bytes: what a poll of a thousand events of 10 KB takes. Reserving it
/// costs nothing. Asking for it piece by piece costs a twentieth of such a poll, since the host then changes the protection
/// of every page. What the host keeps of an instance's memory is as much (`host/src/engine.rs`).
const INITIAL_MEMORY: usize = 12 << 20;

/// The source as nearly everybody needs it.
pub const STANDARD: Component = Component {
    package: "azure-activity",
    file: "azure_activity.wasm",
};

/// The source that can also log in with a client certificate, for which it carries RSA.
pub const CERTIFICATE: Component = Component {
    package: "azure-activity-certificate",
    file: "azure_activity_certificate.wasm",
};

/// The source for the directory audit log of Microsoft Entra.
pub const ENTRA: Component = Component {
    package: "entra-audit",
    file: "entra_audit.wasm",
};

/// All that are shipped.
pub const SHIPPED: [Component; 3] = [STANDARD, CERTIFICATE, ENTRA];

impl Component {
    /// Builds it, and says where it is.
    pub fn build(self) -> Result<PathBuf> {
        ensure_wasm_target()?;
        run(
            &format!("building {} in release", self.file),
            // Only a lone cdylib can be optimised across crates at link time. For the host that would cost minutes at
            // every build, so it is asked for here and not in the profile; likewise the size of dependencies, which
            // are not on the hot path.
            cargo(&[
                "rustc",
                "--release",
                "-p",
                self.package,
                "--lib",
                "--crate-type",
                "cdylib",
            ])
            .args(["--target", WASM_TARGET, "--config", &remapping(WASM_TARGET)?])
            .args(["--", "-C", "strip=symbols"])
            .args(["-C", &format!("link-arg=--initial-memory={INITIAL_MEMORY}")])
            // Numbers that the linker fills in take five bytes otherwise, whatever they are.
            .args(["-C", "link-arg=--compress-relocations"])
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
        )?;
        let built = target_dir().join(WASM_TARGET).join("release").join(self.file);
        let stripped = strip(&fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?)?;
        // Cargo keeps a second link to the file that it wrote. A new file leaves that one as cargo knows it.
        let new = built.with_extension("stripped");
        fs::write(&new, stripped).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &built).with_context(|| format!("cannot replace {}", built.display()))?;
        Ok(built)
    }
}
