//! The program for each platform: linked statically with Zig, which has a C compiler and musl for all of them, and tried
//! where this machine can run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::platform::Platform;
use crate::cargo::{cargo, ensure_target, output, remapping, root, run, target_dir};

/// Builds the program, and says where it is.
pub fn build(platform: Platform) -> Result<PathBuf> {
    let target = platform.target;
    let tools = tools()?;
    ensure_target(target)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [tools].into_iter().chain(std::env::split_paths(&path));
    run(
        &format!(
            "building the program for {} (the first time takes several minutes: the engine is compiled)",
            platform.name()
        ),
        cargo(&[
            "zigbuild",
            "--release",
            "--locked",
            "-p",
            "headwater-cli",
            "--bin",
            "headwater",
        ])
        .args(["--target", target, "--config", &remapping(target)?])
        .env("PATH", std::env::join_paths(folders)?),
    )?;
    Ok(target_dir().join(target).join("release/headwater"))
}

/// Starts a program where this machine can, and ensures that it says this version.
pub fn try_out(platform: Platform, program: &Path, version: &str) -> Result<()> {
    let mut command = if platform.is_here() {
        Command::new(program)
    } else if has(platform.emulator) {
        let mut command = Command::new(platform.emulator);
        command.arg(program);
        command
    } else {
        eprintln!(
            "xtask: the program for {} was not started: {} is not installed (Debian: qemu-user-static)",
            platform.name(),
            platform.emulator
        );
        return Ok(());
    };
    let said = output(command.arg("--version"))?;
    ensure!(
        said.split_whitespace().any(|word| word == version),
        "the program for {} is not of version {version}; it says {said:?}",
        platform.name()
    );
    Ok(())
}

fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The directory of `cargo-zigbuild` and Zig, which are installed when they are missing or of other versions.
fn tools() -> Result<PathBuf> {
    let wanted = root().join("packaging/requirements.txt");
    let wanted = fs::read_to_string(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let folder = target_dir().join("dist-tools");
    let programs = folder.join("bin");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(programs);
    }
    run(
        "making a place for Zig",
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )
    .context("Zig comes as a package of Python; is python3 installed, with venv?")?;
    run(
        "installing Zig and cargo-zigbuild",
        Command::new(programs.join("pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(root().join("packaging/requirements.txt")),
    )?;
    fs::write(&installed, wanted)?;
    Ok(programs)
}
