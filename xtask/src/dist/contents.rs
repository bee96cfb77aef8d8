//! What every package of a platform holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::{DATA, PROGRAM, Tree};
use super::platform::Platform;
use crate::cargo::{output, root, run, target_dir};

/// Shells that completions are made for, and the name that each looks for.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "headwater.bash"),
    ("fish", "headwater.fish"),
    ("zsh", "_headwater"),
];

/// Files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The parts; equal for all platforms, but for the program.
#[derive(Clone)]
pub struct Contents {
    /// What the program runs on.
    pub platform: Platform,
    /// The program.
    pub program: Vec<u8>,
    /// The sources.
    pub components: Files,
    /// The man pages.
    pub man_pages: Files,
    /// The completions.
    pub completions: Files,
    /// The unit for systemd.
    pub service: String,
    /// What is new.
    pub changelog: String,
    /// The licence.
    pub license: String,
}

impl Contents {
    /// Puts the parts together. `runs_here` is the program for this machine, which writes its own man pages and completions.
    pub fn new(platform: Platform, program: &Path, runs_here: &Path, components: Files) -> Result<Self> {
        Ok(Self {
            platform,
            program: fs::read(program).with_context(|| format!("cannot read {}", program.display()))?,
            components,
            man_pages: man_pages(runs_here)?,
            completions: completions(runs_here)?,
            service: text("docs/recipes/headwater.service")?,
            changelog: text("CHANGELOG.md")?,
            license: text("LICENSE")?,
        })
    }

    /// All of them as they are unpacked by hand.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        tree.add("headwater", PROGRAM, self.program.clone());
        for (folder, files) in [
            ("", &self.components),
            ("man/", &self.man_pages),
            ("completions/", &self.completions),
        ] {
            for (name, file) in files {
                tree.add(format!("{folder}{name}"), DATA, file.clone());
            }
        }
        for (name, text) in [
            ("headwater.service", &self.service),
            ("CHANGELOG.md", &self.changelog),
            ("LICENSE", &self.license),
        ] {
            tree.add(name, DATA, text.as_str());
        }
        tree
    }
}

fn text(name: &str) -> Result<String> {
    let path = root().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn man_pages(program: &Path) -> Result<Files> {
    let folder = target_dir().join("dist-man");
    // Of an earlier release, with commands that may be gone.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    run(
        "writing the man pages",
        Command::new(program).arg("manual").arg(&folder),
    )?;
    let mut pages = Files::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        pages.insert(name, fs::read(entry.path())?);
    }
    Ok(pages)
}

fn completions(program: &Path) -> Result<Files> {
    SHELLS
        .into_iter()
        .map(|(shell, file)| {
            let script = output(Command::new(program).args(["completions", shell]))?;
            Ok((file.to_owned(), script.into_bytes()))
        })
        .collect()
}
