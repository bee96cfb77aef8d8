//! The sums of everything in a release.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The file of the sums.
pub const FILE: &str = "SHA256SUMS";

/// Writes the sums of all files in a directory as `sha256sum --check` reads them, and says where.
pub fn write(directory: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    let mut text = String::new();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(directory)?.display().to_string();
        writeln!(text, "{:x}  {name}", Sha256::digest(content))?;
    }
    let sums = directory.join(FILE);
    fs::write(&sums, text)?;
    Ok(sums)
}
