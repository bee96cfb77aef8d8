//! Whether a file is a component of the contract's world, told by its first bytes and the names it imports and exports.

use std::path::Path;

use super::{PluginError, link};

/// The package of the contract, and the versions that this host serves: `0.2.` and any number.
const CONTRACT: &str = "headwater:source";
const CONTRACT_VERSIONS: (u64, u64) = (0, 2);
/// What the world of a source exports.
const CONTRACT_INTERFACES: [&str; 3] = ["types", "descriptor", "source"];

/// How WebAssembly files begin: `\0asm`, then two bytes of version and two of kind.
const MAGIC: &[u8] = b"\0asm";
const KIND_COMPONENT: [u8; 2] = [1, 0];

/// Tells a component from the other things that people name as one.
pub(super) fn check_kind(path: &Path, bytes: &[u8]) -> Result<(), PluginError> {
    let found = match bytes {
        [] => "an empty file",
        _ if !bytes.starts_with(MAGIC) => "another kind of file",
        [_, _, _, _, _, _, kind @ ..] if kind.starts_with(&KIND_COMPONENT) => return Ok(()),
        _ => "a core WebAssembly module",
    };
    Err(PluginError::NoComponent {
        path: path.to_owned(),
        found,
    })
}

/// Names every import that is not linked, before the linker would name the first.
pub(super) fn check_imports(path: &Path, imports: &[String]) -> Result<(), PluginError> {
    let forbidden: Vec<String> = imports
        .iter()
        .filter(|name| !link::is_linked(name))
        .cloned()
        .collect();
    if forbidden.is_empty() {
        Ok(())
    } else {
        Err(PluginError::ForbiddenImports {
            path: path.to_owned(),
            imports: forbidden,
        })
    }
}

/// Checks that the contract's interfaces are there, in a version that this host serves.
pub(super) fn check_exports(path: &Path, exports: &[String]) -> Result<(), PluginError> {
    let (major, minor) = CONTRACT_VERSIONS;
    let wrong = |problem: String| {
        Err(PluginError::WrongWorld {
            path: path.to_owned(),
            problem,
        })
    };
    let of_contract = |interface: &str| {
        exports.iter().find_map(|name| {
            let (package, rest) = name.split_once('/')?;
            let (found, version) = rest.split_once('@').unwrap_or((rest, ""));
            (package == CONTRACT && (interface.is_empty() || found == interface)).then_some(version)
        })
    };
    let Some(version) = of_contract("") else {
        let mut packages: Vec<&str> = exports.iter().filter_map(|name| name.split('/').next()).collect();
        packages.dedup();
        let offer = match packages[..] {
            [] => "nothing".to_owned(),
            _ => packages.join(", "),
        };
        return wrong(format!(
            "it exports {offer}, and not {CONTRACT}@{major}.{minor}; name a component that was built for that contract"
        ));
    };
    match served(version) {
        Served::Yes => {}
        Served::Older => {
            return wrong(format!(
                "it was built for {CONTRACT}@{version}, and this host serves {CONTRACT}@{major}.{minor}; get a newer build of \
                 the plugin, or build it again for the present contract"
            ));
        }
        Served::Newer => {
            return wrong(format!(
                "it was built for {CONTRACT}@{version}, and this host serves {CONTRACT}@{major}.{minor}; use a newer host, or a \
                 build of the plugin for {major}.{minor}"
            ));
        }
    }
    let missing: Vec<String> = CONTRACT_INTERFACES
        .iter()
        .filter(|interface| of_contract(interface) != Some(version))
        .map(|interface| format!("{CONTRACT}/{interface}@{version}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    wrong(format!(
        "it does not export {}; build it for the world `log-source` of the contract",
        missing.join(", ")
    ))
}

/// How a version of the contract stands to those that this host serves.
#[derive(Debug, PartialEq, Eq)]
enum Served {
    Yes,
    Older,
    Newer,
}

/// Compares a version as SemVer does: below 1.0 what has the same minor number is compatible. A candidate is not a version.
fn served(version: &str) -> Served {
    let numbers: Vec<Option<u64>> = version.split('.').map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [Some(major), Some(minor), Some(_)] if (major, minor) == CONTRACT_VERSIONS => Served::Yes,
        [Some(major), Some(minor), ..] if (major, minor) > CONTRACT_VERSIONS => Served::Newer,
        _ => Served::Older,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_no_component_is_named() {
        for (bytes, found) in [
            (&b""[..], "an empty file"),
            (b"#!/bin/sh", "another kind of file"),
            (b"\0asm\x01\0\0\0", "a core WebAssembly module"),
            (b"\0asm", "a core WebAssembly module"),
        ] {
            let error = check_kind(Path::new("x.wasm"), bytes).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("x.wasm is not a WebAssembly component but {found}")),
                "{error}"
            );
        }
        assert!(check_kind(Path::new("x.wasm"), b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn all_forbidden_imports_are_named_at_once() {
        let imports = names(&[
            "wasi:http/types@0.2.4",
            "wasi:filesystem/types@0.3.0",
            "wasi:http/incoming-handler@0.2.4",
            "acme:kv/store@1.0.0",
        ]);
        let error = check_imports(Path::new("x.wasm"), &imports)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(
                "wasi:filesystem/types@0.3.0, wasi:http/incoming-handler@0.2.4, acme:kv/store@1.0.0,"
            ),
            "{error}"
        );
        assert!(!error.contains("wasi:http/types"), "{error}");
    }

    #[test]
    fn versions_of_the_contract_are_compared_as_semver() {
        let exporting = |version: &str| -> Vec<String> {
            let interfaces = CONTRACT_INTERFACES.iter();
            interfaces
                .map(|interface| format!("headwater:source/{interface}@{version}"))
                .collect()
        };
        let judge = |exports: &[String]| check_exports(Path::new("x.wasm"), exports);
        for version in ["0.2.0", "0.2.1", "0.2.99"] {
            assert!(judge(&exporting(version)).is_ok(), "{version}");
        }
        for (version, remedy) in [
            ("0.1.0", "newer build of the plugin"),
            ("0.2.0-rc.1", "newer build of the plugin"),
            ("0.3.0", "newer host"),
            ("1.0.0", "newer host"),
            ("0.10.0", "newer host"),
        ] {
            let error = judge(&exporting(version)).unwrap_err().to_string();
            assert!(
                error.contains(&format!("headwater:source@{version}"))
                    && error.contains("headwater:source@0.2;")
                    && error.contains(remedy),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let judge = |exports: &[&str]| {
            let error = check_exports(Path::new("x.wasm"), &names(exports));
            error.unwrap_err().to_string()
        };
        let error = judge(&["wasi:cli/run@0.2.0"]);
        assert!(
            error.contains("exports wasi:cli, and not headwater:source@0.2"),
            "{error}"
        );
        assert!(judge(&[]).contains("exports nothing"));
        let error = judge(&["acme:source/source@0.2.0", "acme:source/types@0.2.0"]);
        assert!(
            error.contains("exports acme:source, and not headwater:source@0.2"),
            "{error}"
        );
        let error = judge(&["headwater:source/types@0.2.0", "headwater:source/source@0.2.1"]);
        assert!(
            error
                .contains("does not export headwater:source/descriptor@0.2.0, headwater:source/source@0.2.0"),
            "{error}"
        );
    }
}
