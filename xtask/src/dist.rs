//! `cargo xtask dist`: what a release consists of, in the folder `dist/`.

mod metadata;
mod package;
mod sbom;
mod wit;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::cargo::{WASM_TARGET, cargo, ensure_target, output, remapping, root, run, target_dir};
use crate::component::{Component, SHIPPED};
use package::Package;

/// The C compiler for static programs; the TLS library has parts in C and assembly.
const STATIC_COMPILER: &str = "musl-gcc";

/// Shells that completions are made for, and the name that each looks for.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "headwater.bash"),
    ("fish", "headwater.fish"),
    ("zsh", "_headwater"),
];

/// Makes the folder anew; `only_components` leaves the host out, which takes minutes.
pub fn dist(only_components: bool) -> Result<()> {
    let folder = root().join("dist");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for component in SHIPPED {
        ship_component(component, &folder)?;
    }
    wit::ship(&folder)?;
    if !only_components {
        ship_host(&folder)?;
    }
    write_checksums(&folder)?;
    eprintln!("xtask: made {}", folder.display());
    Ok(())
}

/// Builds the components once more from a copy of what is committed, in another folder, and compares every byte.
pub fn check() -> Result<()> {
    dist(true)?;
    let copy = target_dir().join("dist-check");
    let _ = fs::remove_dir_all(&copy);
    run(
        "copying what is committed",
        Command::new("git")
            .current_dir(root())
            .args(["clone", "--quiet", "--no-hardlinks", "."])
            .arg(&copy),
    )?;
    run(
        "making the components again from the copy",
        Command::new("cargo")
            .current_dir(&copy)
            .args(["xtask", "dist", "--components"])
            .env("CARGO_TARGET_DIR", copy.join("target")),
    )?;
    let sums = |root: &Path| {
        let path = root.join("dist").join(CHECKSUMS);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (here, there) = (sums(root())?, sums(&copy)?);
    ensure!(
        here == there,
        "two builds differ; is everything committed?\n{here}\n{there}"
    );
    eprintln!("xtask: two builds in different folders are the same:\n{here}");
    Ok(())
}

/// The component with its metadata, and its bill of materials.
fn ship_component(component: Component, folder: &Path) -> Result<()> {
    let package = Package::read(component.package)?;
    let bytes = fs::read(component.build()?)?;
    let bytes = metadata::embed(bytes, &package, homepage().as_deref(), revision().as_deref());
    fs::write(folder.join(component.file), &bytes)?;
    sbom::write(&package, WASM_TARGET, folder)
}

/// The host, its man pages, its completions and its bill of materials.
fn ship_host(folder: &Path) -> Result<()> {
    let target = host_target()?;
    run(
        &format!(
            "building the host for {target} (the first time takes several minutes: the engine is compiled)"
        ),
        cargo(&[
            "build",
            "--release",
            "--locked",
            "-p",
            "headwater-cli",
            "--bin",
            "headwater",
        ])
        .args(["--target", &target, "--config", &remapping(&target)?]),
    )?;
    let built = target_dir().join(&target).join("release/headwater");
    let host = folder.join("headwater");
    fs::copy(&built, &host).with_context(|| format!("cannot copy {}", built.display()))?;

    let manual = folder.join("man");
    fs::create_dir(&manual)?;
    run(
        "writing the man pages",
        Command::new(&host).arg("manual").arg(&manual),
    )?;
    let completions = folder.join("completions");
    fs::create_dir(&completions)?;
    for (shell, file) in SHELLS {
        let script = fs::File::create(completions.join(file))?;
        run(
            &format!("writing completions for {shell}"),
            Command::new(&host).args(["completions", shell]).stdout(script),
        )?;
    }
    sbom::write(&Package::read("headwater-cli")?, &target, folder)
}

/// The target for static programs on this machine, where its standard library and a C compiler are installed: such a
/// program runs on every Linux of that processor. Else this machine's own target, and a word about it.
fn host_target() -> Result<String> {
    let version = output(Command::new("rustc").current_dir(root()).arg("-vV"))?;
    let native = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say what it runs on")?;
    let compiler = Command::new(STATIC_COMPILER)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if let Some(processor) = native.strip_suffix("-unknown-linux-gnu")
        && compiler
    {
        let musl = format!("{processor}-unknown-linux-musl");
        if ensure_target(&musl).is_ok() {
            return Ok(musl);
        }
    }
    eprintln!(
        "xtask: the host will be linked to this machine's C library; for a static one install {STATIC_COMPILER} \
         (Debian: musl-tools) and rustup"
    );
    Ok(native.to_owned())
}

/// The commit that is built, unless files differ from it.
/// Where the project is published: the one setting of it, which the sources are built with, too (`plugin/src/describe.rs`).
fn homepage() -> Option<String> {
    std::env::var("HEADWATER_HOMEPAGE")
        .ok()
        .filter(|address| !address.is_empty())
}

fn revision() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(root())
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    git(&["status", "--porcelain"])?
        .is_empty()
        .then(|| git(&["rev-parse", "HEAD"]))?
}

const CHECKSUMS: &str = "SHA256SUMS";

/// Writes the sums of all files as `sha256sum --check` reads them.
fn write_checksums(folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut text = String::new();
    for file in files {
        let digest = Sha256::digest(fs::read(&file)?);
        let name = file.strip_prefix(folder)?.display().to_string();
        writeln!(text, "{digest:x}  {name}")?;
    }
    fs::write(folder.join(CHECKSUMS), text)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
