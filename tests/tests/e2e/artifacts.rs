//! The built files under test. `cargo xtask test` names them in the environment; a bare `cargo test` builds them once
//! per process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What components are compiled for.
const WASM_TARGET: &str = "wasm32-wasip2";

/// The host binary.
pub fn host() -> &'static Path {
    static HOST: OnceLock<PathBuf> = OnceLock::new();
    HOST.get_or_init(|| {
        named("HEADWATER_BIN").unwrap_or_else(|| {
            // The selection of packages is the one that the tests were built with: another one unifies features
            // differently and compiles the engine again.
            cargo(&["build", "--workspace", "--bins", "--tests"]);
            target().join("debug/headwater")
        })
    })
}

/// The folder of the shared objects and the library for other languages.
#[cfg(target_os = "linux")]
pub fn libraries() -> &'static Path {
    static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        named("HEADWATER_LIBRARIES").unwrap_or_else(|| {
            // The selection that the tests were built with, as above.
            cargo(&["build", "--workspace", "--lib", "--bins", "--examples", "--tests"]);
            target().join("debug")
        })
    })
}

/// The component under test.
pub fn azure_activity() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| shipped("HEADWATER_COMPONENT", "azure_activity.wasm"))
}

/// The same with the login by certificate.
pub fn azure_activity_with_certificate() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        shipped(
            "HEADWATER_CERTIFICATE_COMPONENT",
            "azure_activity_certificate.wasm",
        )
    })
}

/// The source for the directory audit log of Microsoft Entra.
pub fn entra_audit() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| shipped("HEADWATER_ENTRA_COMPONENT", "entra_audit.wasm"))
}

/// The example source: knows nothing of Azure.
pub fn example_source() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("example-source"))
}

/// The hostile source.
pub fn hostile_source() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("hostile-source"))
}

/// The source that imports files and sockets, and looks for a way out.
pub fn file_reader() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("file-reader"))
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// A component as it is shipped: built by `cargo xtask`, unless the environment names it.
fn shipped(variable: &str, file: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    named(variable).unwrap_or_else(|| {
        BUILT.get_or_init(|| cargo(&["xtask", "build", "--components"]));
        release(file)
    })
}

fn guest(package: &str) -> PathBuf {
    cargo(&[
        "rustc",
        "--release",
        "-p",
        package,
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        WASM_TARGET,
    ]);
    release(&format!("{}.wasm", package.replace('-', "_")))
}

fn release(file: &str) -> PathBuf {
    target().join(WASM_TARGET).join("release").join(file)
}

fn cargo(arguments: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(arguments)
        // Flags meant for this test's own build would end up in the other one.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo {arguments:?} failed");
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}

/// The root of the repository.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}
