//! What the workspace says of one of its packages.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo::{cargo, output};

/// A package of this workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// What it is, in one line.
    pub description: String,
    /// An SPDX expression.
    pub license: String,
}

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<serde_json::Value>,
}

impl Package {
    /// Asks cargo about the package.
    pub fn read(name: &str) -> Result<Package> {
        let text = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
        let workspace: Workspace = serde_json::from_str(&text)?;
        let package = workspace
            .packages
            .into_iter()
            .find(|package| package["name"] == name)
            .with_context(|| format!("no package is named {name}"))?;
        serde_json::from_value(package)
            .with_context(|| format!("the package {name} lacks a field that a release needs"))
    }
}
