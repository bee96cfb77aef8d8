//! Running cargo and rustup.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The packages of the programs. Whatever is built in release is built with them: another selection would unify features
/// differently and compile the engine a second time.
pub const PROGRAMS: [&str; 4] = ["-p", "headwater-cli", "-p", "headwater-tests"];

/// What the component is compiled for.
pub const WASM_TARGET: &str = "wasm32-wasip2";

/// The root of the workspace.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // As cargo says when it runs this: several checkouts may share one folder of built programs.
        let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&own)
            .parent()
            .expect("the xtask folder lies in the workspace")
            .to_owned()
    });
    &ROOT
}

/// The folder that cargo builds into.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Cargo's configuration that replaces this machine's folders, in what is compiled for the target, by names that are the
/// same everywhere. It adds to the flags in `.cargo/config.toml`, which an environment variable would replace.
pub fn remapping(target: &str) -> Result<String> {
    let remap = |folder: &Path, name: &str| format!("--remap-path-prefix={}={name}", folder.display());
    let mut flags = vec![remap(root(), ".")];
    for folder in registry_folders()? {
        flags.push(remap(&folder, "crates"));
    }
    // What build scripts have written, where that is not below the root anyway.
    if !target_dir().starts_with(root()) {
        flags.push(remap(&target_dir(), "./target"));
    }
    Ok(format!(
        "target.{target}.rustflags={}",
        serde_json::to_string(&flags)?
    ))
}

/// The folders that hold the sources of published crates, one for each registry.
fn registry_folders() -> Result<Vec<PathBuf>> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("no home folder; set CARGO_HOME")?
            .join(".cargo"),
    };
    let registries = home.join("registry/src");
    // Not there before the first download, nor where crates are vendored into the workspace.
    let Ok(entries) = fs::read_dir(&registries) else {
        return Ok(Vec::new());
    };
    let mut folders = Vec::new();
    for entry in entries {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

/// A cargo command in the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments);
    command
}

/// What has been run, and how long it took.
static STAGES: Mutex<Vec<(String, Duration)>> = Mutex::new(Vec::new());

/// Prints how long each command took that was run.
pub fn print_times() {
    let stages = STAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let all: Duration = stages.iter().map(|(_, took)| *took).sum();
    for (what, took) in &*stages {
        eprintln!("xtask: {:>5} s  {what}", took.as_secs());
    }
    eprintln!("xtask: {:>5} s  in all", all.as_secs());
}

/// Runs a command, announcing it as `what`.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    eprintln!("xtask: {what}");
    let began = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: failed with {status}");
    }
    let mut stages = STAGES.lock().unwrap_or_else(PoisonError::into_inner);
    stages.push((what.to_owned(), began.elapsed()));
    Ok(())
}

/// Runs a command and gives what it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} failed with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Adds the component's compilation target when the toolchain lacks it.
pub fn ensure_wasm_target() -> Result<()> {
    ensure_target(WASM_TARGET).context(
        "the target is needed to compile the component; without rustup, install it with your toolchain",
    )
}

/// Adds a compilation target when the toolchain lacks it.
pub fn ensure_target(target: &str) -> Result<()> {
    let sysroot = output(
        Command::new("rustc")
            .current_dir(root())
            .args(["--print", "sysroot"]),
    )
    .context("is Rust installed with rustup (https://rustup.rs)?")?;
    let library = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(target)
        .join("lib");
    if library.is_dir() {
        return Ok(());
    }
    run(
        &format!("adding the target {target}"),
        Command::new("rustup")
            .current_dir(root())
            .args(["target", "add", target]),
    )
}
