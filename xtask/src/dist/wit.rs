//! The contract as a binary WIT package, the form in which registries keep it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use wit_parser::Resolve;

use super::metadata;
use super::package::Package;
use super::release::Release;
use crate::cargo::root;

/// Writes `headwater-source.wasm`.
pub fn ship(release: &Release, folder: &Path) -> Result<()> {
    let (name, version, bytes) = encode()?;
    let package = Package {
        version,
        description: "The contract between a log source and the host that runs it".to_owned(),
        name: name.clone(),
        ..Package::read("headwater")?
    };
    let bytes = metadata::embed(
        bytes,
        &package,
        release.homepage.as_deref(),
        release.revision.as_deref(),
    );
    fs::write(folder.join(name.replace(':', "-") + ".wasm"), bytes)?;
    Ok(())
}

/// The contract's name, its version, and the package with types and comments.
fn encode() -> Result<(String, String, Vec<u8>)> {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(root().join("wit"))?;
    let contract = &resolve.packages[id].name;
    let name = format!("{}:{}", contract.namespace, contract.name);
    let version = contract
        .version
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    Ok((name, version, wit_component::encode(&resolve, id)?))
}

#[cfg(test)]
mod tests {
    use wit_component::DecodedWasm;

    use super::*;

    #[test]
    fn the_package_says_all_that_the_file_says() {
        let (name, version, bytes) = encode().unwrap();
        let DecodedWasm::WitPackage(resolve, id) = wit_component::decode(&bytes).unwrap() else {
            panic!("a component, not a package");
        };
        assert_eq!(resolve.packages[id].name.to_string(), format!("{name}@{version}"));
        let comments = resolve.packages[id].docs.contents.as_deref().unwrap_or_default();
        assert!(comments.starts_with("The contract between"), "{comments:?}");
        let worlds = &resolve.packages[id].worlds;
        assert!(worlds.contains_key("log-source"), "{worlds:?}");
    }
}
