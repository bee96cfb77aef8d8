//! The Helm chart of `packaging/helm`, as the file that Helm installs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::archive::{DATA, Tree, gzip};
use super::release::Release;
use crate::cargo::root;

/// The chart's file, and the chart.
pub fn make(release: &Release) -> Result<(String, Vec<u8>)> {
    let folder = root().join("packaging/helm/headwater");
    let description = folder.join("Chart.yaml");
    let text =
        fs::read_to_string(&description).with_context(|| format!("cannot read {}", description.display()))?;
    for key in ["version", "appVersion"] {
        let line = format!("{key}: {}", release.version);
        ensure!(
            text.lines().any(|one| one == line),
            "{} is for another version; write {line:?}",
            description.display()
        );
    }
    let mut chart = Tree::default();
    collect(&folder, "", &mut chart)?;
    Ok((
        format!("headwater-chart-{}.tgz", release.version),
        gzip(&chart.tar("headwater/", release.time)?)?,
    ))
}

fn collect(folder: &Path, prefix: &str, chart: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), chart)?;
        } else {
            chart.copy(name, DATA, &entry.path())?;
        }
    }
    Ok(())
}
