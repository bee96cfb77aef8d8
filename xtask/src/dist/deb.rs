//! The package for Debian and its kin: program, sources, service, man pages, completions.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use ar::{Builder, Header};

use super::archive::{DATA, PROGRAM, Tree, gzip};
use super::contents::Contents;
use super::release::Release;
use crate::cargo::root;

/// What dpkg runs, as it is in the repository.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// Where each shell looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    (
        "headwater.bash",
        "usr/share/bash-completion/completions/headwater",
    ),
    (
        "headwater.fish",
        "usr/share/fish/vendor_completions.d/headwater.fish",
    ),
    ("_headwater", "usr/share/zsh/vendor-completions/_headwater"),
];

/// The package's file, and the package.
pub fn make(release: &Release, contents: &Contents) -> Result<(String, Vec<u8>)> {
    let data = data(contents)?;
    let mut control = Tree::default();
    control.add("control", DATA, control_file(release, contents, &data)?);
    for script in SCRIPTS {
        control.add(script, PROGRAM, packaged(script)?);
    }
    let mut package = Builder::new(Vec::new());
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&control.tar("./", release.time)?)?),
        ("data.tar.gz", gzip(&data.tar("./", release.time)?)?),
    ];
    for (name, member) in members {
        let mut header = Header::new(name.into(), member.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(release.time);
        package.append(&header, member.as_slice())?;
    }
    Ok((
        format!(
            "headwater_{}_{}.deb",
            version(release),
            contents.platform.architecture
        ),
        package.into_inner()?,
    ))
}

/// A version before a release is smaller than the release, which Debian says with a tilde.
fn version(release: &Release) -> String {
    release.version.replace('-', "~")
}

fn packaged(name: &str) -> Result<String> {
    let file = root().join("packaging/deb").join(name);
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

fn data(contents: &Contents) -> Result<Tree> {
    let mut data = Tree::default();
    data.add("usr/bin/headwater", PROGRAM, contents.program.clone());
    for (name, component) in &contents.components {
        data.add(format!("usr/lib/headwater/{name}"), DATA, component.clone());
    }
    let service = contents
        .service
        .replace("/usr/local/bin/headwater", "/usr/bin/headwater");
    data.add("usr/lib/systemd/system/headwater.service", DATA, service);
    for (name, page) in &contents.man_pages {
        data.add(format!("usr/share/man/man1/{name}.gz"), DATA, gzip(page)?);
    }
    for (name, place) in COMPLETIONS {
        let script = contents.completions.get(name).context("a shell is left out")?;
        data.add(place, DATA, script.clone());
    }
    data.add("usr/share/doc/headwater/copyright", DATA, packaged("copyright")?);
    data.add(
        "usr/share/doc/headwater/changelog.gz",
        DATA,
        gzip(contents.changelog.as_bytes())?,
    );
    data.add(
        "usr/share/doc/headwater/README.Debian",
        DATA,
        packaged("README.Debian")?,
    );
    Ok(data)
}

fn control_file(release: &Release, contents: &Contents, data: &Tree) -> Result<String> {
    // In KiB, each file rounded up.
    let size: usize = data.files().map(|(_, file)| file.len().div_ceil(1024)).sum();
    let mut fields = format!(
        "Package: headwater\nVersion: {}\nArchitecture: {}\nInstalled-Size: {size}\n",
        version(release),
        contents.platform.architecture
    );
    if let Some(homepage) = &release.homepage {
        writeln!(fields, "Homepage: {homepage}")?;
    }
    Ok(fields + &packaged("control")?)
}
