//! `cargo xtask build --collectors`: what other collectors load, and an OpenTelemetry Collector with the receiver.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{PROGRAMS, cargo, root, run, target_dir};

/// The builder of the OpenTelemetry Collector, of the release that every module in `builder.yaml` is of.
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder@v0.161.0";
/// Tests that need a collector, as the others that need what others wrote (`test.rs`).
pub const TESTS: [(&str, &str); 1] = [("opentelemetry::", "collectors/debug/otelcol-headwater")];
/// What the linker needs beside the static library (`rustc --print native-static-libs`).
const SYSTEM_LIBRARIES: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// Builds the libraries in release, and the collector where Go is installed. Says where they are.
pub fn build() -> Result<Vec<PathBuf>> {
    run(
        "building the libraries of the collectors in release",
        cargo(&["build", "--release", "--lib"]).args(PROGRAMS).args([
            "-p",
            "headwater-c",
            "-p",
            "headwater-fluent-bit",
        ]),
    )?;
    let release = target_dir().join("release");
    let mut built: Vec<PathBuf> = ["libheadwater.so", "libheadwater.a", "libin_headwater.so"]
        .map(|name| release.join(name))
        .into();
    if has_go() {
        let library = release.join("libheadwater.a");
        let link = format!("{} {SYSTEM_LIBRARIES}", library.display());
        built.push(otelcol(&target_dir().join("collectors"), &link)?);
    } else {
        eprintln!("xtask: no OpenTelemetry Collector is built: Go is not installed (https://go.dev/dl)");
    }
    Ok(built)
}

/// Whether there is Go.
pub fn has_go() -> bool {
    Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Builds a collector for tests, which loads the shared library that the tests are built with, and the package file that the
/// receiver's own tests are compiled with; where `.ci/run` has installed the builder.
pub fn otelcol_for_tests() -> Result<()> {
    if builder().exists() {
        otelcol(&target_dir().join("collectors/debug"), &link_of_tests())?;
    }
    Ok(())
}

/// Where the builder is installed.
fn builder() -> PathBuf {
    target_dir().join("collectors/bin/builder")
}

/// With the place where it is looked for at run time.
fn link_of_tests() -> String {
    let libraries = target_dir().join("debug");
    let libraries = libraries.display();
    format!("-L{libraries} -lheadwater -Wl,-rpath,{libraries}")
}

fn receiver() -> PathBuf {
    root().join("collectors/opentelemetry")
}

/// Builds `otelcol-headwater` into a folder.
fn otelcol(folder: &Path, link: &str) -> Result<PathBuf> {
    let sources = folder.join("otelcol");
    fs::create_dir_all(&sources)?;
    if !builder().exists() {
        let mut install = go(&["install", BUILDER], folder, link)?;
        install
            .env("GOBIN", target_dir().join("collectors/bin"))
            .env("CGO_ENABLED", "0");
        run(
            "installing the builder of the OpenTelemetry Collector",
            &mut install,
        )?;
    }
    // The same file with its two relative paths made absolute: the builder takes them from where it is started.
    let written = fs::read_to_string(receiver().join("builder.yaml"))?;
    let config = written
        .replace("path: .\n", &format!("path: {}\n", receiver().display()))
        .replace(
            "output_path: ./_build",
            &format!("output_path: {}", sources.display()),
        );
    let config_file = folder.join("builder.yaml");
    fs::write(&config_file, config)?;
    let mut write = Command::new(builder());
    write.arg("--skip-compilation").arg("--config").arg(&config_file);
    run("writing the program of the OpenTelemetry Collector", &mut write)?;
    let program = folder.join("otelcol-headwater");
    let mut build = go(&["build", "-trimpath", "-o"], folder, link)?;
    build
        .arg(&program)
        .args(["-ldflags", "-s -w", "."])
        .current_dir(&sources);
    run("building the OpenTelemetry Collector", &mut build)?;
    Ok(program)
}

/// A command of Go that finds the library.
fn go(arguments: &[&str], folder: &Path, link: &str) -> Result<Command> {
    let packages = folder.join("pkgconfig");
    fs::create_dir_all(&packages).with_context(|| format!("cannot make {}", packages.display()))?;
    let usual = fs::read_to_string(root().join("collectors/c/headwater.pc"))?;
    let include = root().join("collectors/c/include");
    let lines = usual.lines().map(|line| match line.split_once(['=', ':']) {
        Some(("includedir", _)) => format!("includedir={}", include.display()),
        Some(("Libs", _)) => format!("Libs: {link}"),
        _ => line.to_owned(),
    });
    fs::write(
        packages.join("headwater.pc"),
        lines.collect::<Vec<_>>().join("\n") + "\n",
    )?;
    let mut command = Command::new("go");
    command
        .args(arguments)
        .env("CGO_ENABLED", "1")
        // Go's cache, which all checkouts share, does not know of what pkg-config says, but of this.
        .env("CGO_LDFLAGS", link)
        .env("PKG_CONFIG_PATH", packages);
    Ok(command)
}
