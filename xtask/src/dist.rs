//! `cargo xtask dist`: what a release consists of, in the folder `dist/`.
//!
//! The same commit gives the same bytes on every machine: programs and components carry no path and no time, archives are
//! sorted and have the time of the commit. So others can make a release themselves and compare the sums.

mod archive;
mod chart;
mod checksums;
mod contents;
mod deb;
mod image;
mod metadata;
mod package;
mod platform;
mod program;
mod release;
mod sbom;
mod signature;
mod wit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{WASM_TARGET, root, run, target_dir};
use crate::component::{Component, SHIPPED};
use contents::{Contents, Files};
use package::Package;
use platform::{Platform, SUPPORTED};
use release::Release;
use signature::Signer;

/// What to make.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// The components only, for comparing builds: no programs, no packages, no signature.
    #[arg(long)]
    components: bool,
    /// Make everything twice, in different folders, and compare every byte.
    #[arg(long)]
    check: bool,
    /// Do without a signature. Otherwise HEADWATER_SIGNING_KEY must hold a secret key of minisign.
    #[arg(long)]
    unsigned: bool,
    /// Only for this platform; may be repeated. This machine's must be among them.
    #[arg(long, conflicts_with = "components", value_parser = str::parse::<Platform>)]
    platform: Vec<Platform>,
    /// Build nothing: package FOLDER/*.wasm and FOLDER/linux-*/headwater.
    #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
    prebuilt: Option<PathBuf>,
    /// Where the release goes.
    #[arg(long, value_name = "FOLDER", default_value = "dist", conflicts_with = "check")]
    output: PathBuf,
}

impl Options {
    /// The platforms that are asked for, each once.
    fn platforms(&self) -> Vec<Platform> {
        let asked = |one: &Platform| self.platform.is_empty() || self.platform.contains(one);
        SUPPORTED.into_iter().filter(asked).collect()
    }
}

/// Makes the folder anew, once or twice.
pub fn dist(options: &Options) -> Result<()> {
    make(options)?;
    if options.check { check(options) } else { Ok(()) }
}

/// What is wrong with the order is said first, and an earlier release stays until the new one is whole.
fn make(options: &Options) -> Result<()> {
    let signer = Signer::from_environment()?;
    if signer.is_none() && !options.unsigned && !options.components {
        return Signer::missing();
    }
    let platforms = options.platforms();
    if !options.components {
        ensure_one_runs_here(&platforms)?;
    }
    let release = Release::read()?;
    let finished = root().join(&options.output);
    ensure_replaceable(&finished)?;
    let folder = finished.with_added_extension("new");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let components = SHIPPED
        .into_iter()
        .map(|component| ship_component(component, options, &release, &folder))
        .collect::<Result<Files>>()?;
    wit::ship(&release, &folder)?;
    if !options.components {
        ship_packages(&platforms, options, &release, &components, &folder)?;
    }
    let sums = checksums::write(&folder)?;
    if let Some(signer) = signer {
        signer.sign(&sums, &release.to_string())?;
        eprintln!("xtask: signed; the public key is {}", signer.public_key());
    }
    if finished.exists() {
        fs::remove_dir_all(&finished).with_context(|| format!("cannot empty {}", finished.display()))?;
    }
    fs::rename(&folder, &finished).with_context(|| format!("cannot make {}", finished.display()))?;
    eprintln!("xtask: made {}", finished.display());
    Ok(())
}

/// Ensures that nothing is deleted but an earlier release.
fn ensure_replaceable(folder: &Path) -> Result<()> {
    let is_empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        !folder.exists() || folder.join(checksums::FILE).exists() || is_empty(),
        "{} is not a release, and is not overwritten: delete it, or give another --output",
        folder.display()
    );
    Ok(())
}

/// The program writes its own man pages and completions.
fn ensure_one_runs_here(platforms: &[Platform]) -> Result<()> {
    match SUPPORTED.into_iter().find(|one| one.is_here()) {
        None => bail!(
            "releases are made on {}, and this machine is neither",
            SUPPORTED.map(Platform::name).join(" or ")
        ),
        Some(here) if !platforms.contains(&here) => bail!(
            "the program writes its own man pages, so one has to run here: add --platform {}",
            here.name()
        ),
        Some(_) => Ok(()),
    }
}

/// Makes the same once more from a copy of what is committed, in another folder, and compares the sums.
fn check(options: &Options) -> Result<()> {
    let copy = target_dir().join("dist-check");
    let _ = fs::remove_dir_all(&copy);
    run(
        "copying what is committed",
        Command::new("git")
            .current_dir(root())
            .args(["clone", "--quiet", "--no-hardlinks", "."])
            .arg(&copy),
    )?;
    let mut again = Command::new("cargo");
    again
        .current_dir(&copy)
        .args(["xtask", "dist"])
        .env("CARGO_TARGET_DIR", copy.join("target"));
    if options.components {
        again.arg("--components");
    } else {
        again.arg("--unsigned");
    }
    for platform in &options.platform {
        again.args(["--platform", &platform.name()]);
    }
    run("making all again from the copy", &mut again)?;
    let sums = |root: &Path| {
        let path = root.join("dist").join(checksums::FILE);
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

/// The component with its metadata, and its bill of materials. Gives its name and its bytes.
fn ship_component(
    component: Component,
    options: &Options,
    release: &Release,
    folder: &Path,
) -> Result<(String, Vec<u8>)> {
    let package = Package::read(component.package)?;
    let built = match &options.prebuilt {
        Some(prebuilt) => prebuilt.join(component.file),
        None => component.build()?,
    };
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let bytes = metadata::embed(
        bytes,
        &package,
        release.homepage.as_deref(),
        release.revision.as_deref(),
    );
    fs::write(folder.join(component.file), &bytes)?;
    sbom::write(
        &package,
        WASM_TARGET,
        &folder.join(format!("{}.cdx.json", package.name)),
    )?;
    Ok((component.file.to_owned(), bytes))
}

/// The programs, as archives and packages for each platform, as an image for all of them, and the chart that runs it.
fn ship_packages(
    platforms: &[Platform],
    options: &Options,
    release: &Release,
    components: &Files,
    folder: &Path,
) -> Result<()> {
    let program = |platform: &Platform| match &options.prebuilt {
        Some(prebuilt) => Ok(prebuilt.join(platform.file_name()).join("headwater")),
        None => program::build(*platform),
    };
    let programs = platforms.iter().map(program).collect::<Result<Vec<_>>>()?;
    for (platform, program) in platforms.iter().zip(&programs) {
        program::try_out(*platform, program, &release.version)?;
    }
    let here = platforms.iter().position(|platform| platform.is_here());
    let runs_here = &programs[here.context("no program runs here")?];
    let package = Package::read("headwater-cli")?;
    let mut all = Vec::new();
    for (platform, program) in platforms.iter().zip(&programs) {
        let contents = Contents::new(*platform, program, runs_here, components.clone())?;
        let name = format!("headwater-{}-{}", release.version, platform.file_name());
        let archive = contents.tree().tar(&format!("{name}/"), release.time)?;
        fs::write(folder.join(format!("{name}.tar.gz")), archive::gzip(&archive)?)?;
        sbom::write(
            &package,
            platform.target,
            &folder.join(format!("{name}.cdx.json")),
        )?;
        let (file, bytes) = deb::make(release, &contents)?;
        fs::write(folder.join(file), bytes)?;
        all.push(contents);
    }
    for (file, bytes) in [image::make(release, &all)?, chart::make(release)?] {
        fs::write(folder.join(file), bytes)?;
    }
    Ok(())
}
