//! What all parts of a release say of it.

use std::fmt;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::package::Package;
use crate::cargo::root;

/// The variable by which whoever builds again gives files the time of the first build.
const TIME: &str = "SOURCE_DATE_EPOCH";

/// A release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its semantic version.
    pub version: String,
    /// An SPDX expression.
    pub license: String,
    /// Where the project is published: the one setting of it, which the sources are built with, too
    /// (`plugin/src/describe.rs`). Nobody may know yet.
    pub homepage: Option<String>,
    /// The commit that is built, unless files differ from it.
    pub revision: Option<String>,
    /// The time of everything in an archive, in seconds since 1970: that of the commit.
    pub time: u64,
}

impl Release {
    /// Asks cargo, git and the environment.
    pub fn read() -> Result<Self> {
        let package = Package::read("headwater-cli")?;
        let set = |name| std::env::var(name).ok().filter(|text: &String| !text.is_empty());
        let time = match set(TIME) {
            Some(time) => time
                .parse()
                .with_context(|| format!("{TIME} is not a number of seconds: {time:?}"))?,
            // Without git, as in an unpacked archive of the sources, the oldest time that all formats can hold.
            None => git(&["log", "-1", "--format=%ct"])
                .and_then(|time| time.parse().ok())
                .unwrap_or_default(),
        };
        Ok(Self {
            version: package.version,
            license: package.license,
            homepage: set("HEADWATER_HOMEPAGE"),
            revision: revision(),
            time,
        })
    }

    /// Its time as RFC 3339 writes it.
    pub fn created(&self) -> String {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.time)).to_string()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "headwater {}", self.version)?;
        match &self.revision {
            Some(revision) => write!(formatter, ", commit {revision}"),
            None => Ok(()),
        }
    }
}

fn revision() -> Option<String> {
    git(&["status", "--porcelain"])?
        .is_empty()
        .then(|| git(&["rev-parse", "HEAD"]))?
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(root())
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
