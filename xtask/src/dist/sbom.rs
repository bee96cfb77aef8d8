//! Bills of materials: what is linked into a shipped file, as CycloneDX 1.5 in JSON. Without a time stamp or a serial
//! number, so that the same content gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::package::Package;
use crate::cargo::{cargo, output, root};

/// Writes the bill of a package: every crate that the package links when it is compiled for the target.
pub fn write(package: &Package, target: &str, file: &Path) -> Result<()> {
    // Not `cargo metadata`: that resolves the features of all packages of the workspace together.
    let tree = output(&mut cargo(&[
        "tree",
        "--locked",
        "-p",
        &package.name,
        "--target",
        target,
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}|{r}",
    ]))?;
    let digests = digests()?;
    let crates: BTreeSet<Crate<'_>> = tree.lines().filter_map(Crate::read).collect();
    let components: Vec<Value> = crates
        .iter()
        .filter(|one| one.name != package.name)
        .map(|one| one.component(&digests))
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "name": package.name,
            "version": package.version,
            "description": package.description,
            "licenses": [{ "expression": package.license }],
        }},
        "components": components,
    });
    fs::write(file, serde_json::to_string_pretty(&bill)? + "\n")?;
    Ok(())
}

/// One line of `cargo tree`: `name v1.2.3 (where)|license|repository`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Crate<'a> {
    name: &'a str,
    version: &'a str,
    license: String,
    repository: &'a str,
}

impl<'a> Crate<'a> {
    fn read(line: &'a str) -> Option<Crate<'a>> {
        // A crate that occurs again is marked with `(*)`.
        let mut parts = line.trim_end_matches(" (*)").split('|');
        let mut package = parts.next()?.split(' ');
        Some(Crate {
            name: package.next()?,
            version: package.next()?.strip_prefix('v')?,
            // Old crates separate alternatives with a slash.
            license: parts.next()?.replace('/', " OR "),
            repository: parts.next()?,
        })
    }

    fn component(&self, digests: &Digests) -> Value {
        let Crate {
            name,
            version,
            license,
            repository,
        } = self;
        let mut component = json!({ "type": "library", "name": name, "version": version });
        if !license.is_empty() {
            component["licenses"] = json!([{ "expression": license }]);
        }
        if !repository.is_empty() {
            component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
        }
        // Crates of this workspace are not published and have no digest.
        if let Some(digest) = digests.get(&((*name).to_owned(), (*version).to_owned())) {
            component["purl"] = json!(format!("pkg:cargo/{name}@{version}"));
            component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
        }
        component
    }
}

/// SHA-256 of published crates, by name and version.
type Digests = BTreeMap<(String, String), String>;

fn digests() -> Result<Digests> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let text = fs::read_to_string(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let lock: Lock = toml::from_str(&text)?;
    let digest = |one: Locked| Some(((one.name, one.version), one.checksum?));
    Ok(lock.package.into_iter().filter_map(digest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_crate_has_its_address_and_digest_and_our_own_have_none() {
        let digests = Digests::from([(("itoa".to_owned(), "1.0.0".to_owned()), "ab".to_owned())]);
        let published = Crate::read("itoa v1.0.0|MIT/Apache-2.0|https://example.com (*)").unwrap();
        assert_eq!(
            published.component(&digests),
            json!({
                "type": "library", "name": "itoa", "version": "1.0.0",
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
                "externalReferences": [{ "type": "vcs", "url": "https://example.com" }],
                "purl": "pkg:cargo/itoa@1.0.0",
                "hashes": [{ "alg": "SHA-256", "content": "ab" }],
            })
        );
        let own = Crate::read("our-own v0.1.0 (/somewhere)||").unwrap();
        assert_eq!(
            own.component(&digests),
            json!({ "type": "library", "name": "our-own", "version": "0.1.0" })
        );
    }
}
