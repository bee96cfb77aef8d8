//! What `cargo xtask dist` makes, installed and run with the tools that people install it with.
//!
//! The packages are made of the host under test, by the code that makes releases; `HEADWATER_DIST` names the folder of a whole
//! release that is to be tested instead. `.ci/run` installs the tools; `cargo xtask test` runs what needs them where they are.

mod chart;
mod image;
mod order;
mod root;
mod signature;

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::artifacts;

/// The folder of the release.
fn folder() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| match env::var_os("HEADWATER_DIST") {
        Some(folder) => artifacts::workspace().join(folder),
        None => {
            let folder = made_for_tests().join("dist");
            succeeded(dist(&["--unsigned"], &folder).output());
            folder
        }
    })
}

/// What this process makes once, in the place of what the process before it has made.
fn made_for_tests() -> PathBuf {
    let folder = artifacts::target().join("release-tests");
    fs::create_dir_all(&folder).expect("the folder can be written");
    folder
}

/// The one file of the release whose name begins and ends so.
#[track_caller]
fn file(start: &str, end: &str) -> PathBuf {
    let names = fs::read_dir(folder()).expect("the release is there");
    let mut found = names
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        });
    let file = found
        .next()
        .unwrap_or_else(|| panic!("there is no {start}…{end}"));
    assert_eq!(found.next(), None, "{start}…{end}");
    file
}

/// `cargo xtask dist` that packages the host under test into a folder, without a key to sign with.
fn dist(arguments: &[&str], output: &Path) -> Command {
    let mut command = bare_dist(arguments, output);
    command
        .args(["--platform", &format!("linux/{}", architecture())])
        .arg("--prebuilt")
        .arg(prebuilt());
    command
}

/// The same without a word about what is packaged.
fn bare_dist(arguments: &[&str], output: &Path) -> Command {
    let mut command = Command::new(artifacts::host().with_file_name("xtask"));
    command
        .arg("dist")
        .args(arguments)
        .arg("--output")
        .arg(output)
        .env("CARGO_MANIFEST_DIR", artifacts::workspace().join("xtask"))
        .env_remove("HEADWATER_SIGNING_KEY")
        .env_remove("HEADWATER_SIGNING_PASSWORD");
    command
}

/// This machine's processor as Debian and containers call it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The host under test without what only debuggers read, and the components.
fn prebuilt() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = made_for_tests().join("built");
        let platform = folder.join(format!("linux-{}", architecture()));
        fs::create_dir_all(&platform).expect("the folder can be written");
        let mut strip = Command::new("strip");
        strip
            .arg("-o")
            .arg(platform.join("headwater"))
            .arg(artifacts::host());
        succeeded(strip.output());
        for component in [
            artifacts::azure_activity(),
            artifacts::azure_activity_with_certificate(),
            artifacts::entra_audit(),
        ] {
            let name = component.file_name().expect("a file");
            fs::copy(component, folder.join(name)).expect("the folder can be written");
        }
        folder
    })
}

/// Whether this runs as root; a root directory can be changed by nobody else.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// What a program printed that ended well.
#[track_caller]
fn succeeded(output: std::io::Result<Output>) -> String {
    let output = output.expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// How many events a program printed.
fn lines(printed: &str) -> u32 {
    printed.lines().map(|_| 1).sum()
}

/// What a program said that refused.
#[track_caller]
fn refused(output: std::io::Result<Output>) -> String {
    let output = output.expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}
