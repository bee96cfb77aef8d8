//! Plugins: component files, audited before they are compiled, compiled once for all sources that use them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tracing::info;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::LogSourcePre;
use crate::engine::CALLS_AT_ONCE;
use crate::fair_slots::FairSlots;
use crate::link;
use crate::sandbox::Guest;
use crate::small_file::{self, Purpose};

/// The package of the contract, and the version this host serves.
const CONTRACT: &str = "headwater:source";
const CONTRACT_VERSION: &str = "0.1.0";
/// What the world of a source exports.
const CONTRACT_INTERFACES: [&str; 3] = ["types", "descriptor", "source"];

/// How WebAssembly files begin: `\0asm`, then two bytes of version and two of kind.
const MAGIC: &[u8] = b"\0asm";
const KIND_COMPONENT: [u8; 2] = [1, 0];

/// A compiled plugin, linked and ready to be instantiated.
pub struct Plugin {
    /// The file it came from.
    pub path: PathBuf,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub digest: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// The interfaces it exports, with versions.
    pub exports: Vec<String>,
    pub(crate) pre: LogSourcePre<Guest>,
    /// One is held while an instance exists, of this plugin or any other of the engine.
    pub(crate) slots: FairSlots,
}

/// Why a file cannot be used as a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file cannot be read.
    #[error("cannot read the plugin {}: {source}; check `plugin`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{} is {found}, not a WebAssembly component; build it for the target wasm32-wasip2", path.display())]
    NoComponent {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// The file is not the one that the operator pinned.
    #[error(
        "{} has the digest sha256:{actual}, but sha256:{pinned} is pinned; restore the pinned file, or change `digest` \
         if you trust the new one", path.display()
    )]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// What the operator pinned.
        pinned: String,
        /// What the file has.
        actual: String,
    },
    /// The component wants what no source gets.
    #[error(
        "{} needs {}, which no source is given: sources have HTTP to granted origins, clocks and random numbers, but \
         no files, sockets or custom interfaces; use a plugin that does without", path.display(), imports.join(", ")
    )]
    ForbiddenImports {
        /// The file.
        path: PathBuf,
        /// The interfaces that are not linked.
        imports: Vec<String>,
    },
    /// The component does not fulfil the contract.
    #[error("{} is no source for this host: {problem}", path.display())]
    WrongWorld {
        /// The file.
        path: PathBuf,
        /// What is missing, and which versions are involved.
        problem: String,
    },
    /// The component cannot be compiled or linked.
    #[error("cannot compile the plugin {}: {reason}; the file may be damaged", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The engine's reason.
        reason: String,
    },
}

/// Loads plugins, each distinct file once.
pub struct Plugins {
    engine: Engine,
    linker: Linker<Guest>,
    slots: FairSlots,
    loaded: Mutex<HashMap<String, Arc<Plugin>>>,
}

impl Plugins {
    /// A loader for this engine.
    pub fn new(engine: Engine) -> anyhow::Result<Self> {
        let linker = link::linker(&engine)?;
        Ok(Self {
            engine,
            linker,
            slots: FairSlots::new(CALLS_AT_ONCE),
            loaded: Mutex::default(),
        })
    }

    /// Reads, checks and compiles a file, or hands out what was compiled from the same bytes before.
    ///
    /// Blocks: compiling takes up to a second when the cache does not know the file.
    pub fn load(&self, path: &Path, pinned: Option<&str>) -> Result<Arc<Plugin>, PluginError> {
        let bytes =
            small_file::read_blocking(path, Purpose::PLUGIN).map_err(|source| PluginError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
        let digest = hex(&Sha256::digest(&bytes));
        if let Some(pinned) = pinned.filter(|pinned| *pinned != digest) {
            return Err(PluginError::WrongDigest {
                path: path.to_owned(),
                pinned: pinned.to_owned(),
                actual: digest,
            });
        }
        // Held while compiling, so that a thousand sources that start together compile their file once.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugin) = loaded.get(&digest) {
            return Ok(plugin.clone());
        }
        let plugin = Arc::new(self.compile(path, &bytes, digest.clone())?);
        info!(plugin = %path.display(), digest = %format_args!("sha256:{digest}"), "loaded a plugin");
        loaded.insert(digest, plugin.clone());
        Ok(plugin)
    }

    fn compile(&self, path: &Path, bytes: &[u8], digest: String) -> Result<Plugin, PluginError> {
        check_kind(path, bytes)?;
        let broken = |error: wasmtime::Error| PluginError::Broken {
            path: path.to_owned(),
            reason: error.root_cause().to_string(),
        };
        let component = Component::new(&self.engine, bytes).map_err(broken)?;
        let interfaces = component.component_type();
        let imports: Vec<String> = interfaces
            .imports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let exports: Vec<String> = interfaces
            .exports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        audit_imports(path, &imports)?;
        audit_exports(path, &exports)?;
        let pre = self
            .linker
            .instantiate_pre(&component)
            .and_then(LogSourcePre::new)
            .map_err(|error| {
                // The names match, so it is the shape of a function or a type that differs.
                PluginError::WrongWorld {
                    path: path.to_owned(),
                    problem: format!("{error:#}"),
                }
            })?;
        Ok(Plugin {
            path: path.to_owned(),
            digest,
            size: bytes.len() as u64,
            imports,
            exports,
            pre,
            slots: self.slots.clone(),
        })
    }
}

/// Tells a component from the other things that people name as one.
fn check_kind(path: &Path, bytes: &[u8]) -> Result<(), PluginError> {
    let found = match bytes {
        [] => "an empty file",
        _ if !bytes.starts_with(MAGIC) => "no WebAssembly at all",
        [_, _, _, _, _, _, kind @ ..] if kind.starts_with(&KIND_COMPONENT) => return Ok(()),
        _ => "a core WebAssembly module",
    };
    Err(PluginError::NoComponent {
        path: path.to_owned(),
        found,
    })
}

/// Names every import that is not linked, before the linker would name the first.
fn audit_imports(path: &Path, imports: &[String]) -> Result<(), PluginError> {
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

/// Checks that the contract's interfaces are there, in the version that this host serves.
fn audit_exports(path: &Path, exports: &[String]) -> Result<(), PluginError> {
    let missing: Vec<String> = CONTRACT_INTERFACES
        .iter()
        .map(|interface| format!("{CONTRACT}/{interface}@{CONTRACT_VERSION}"))
        .filter(|wanted| !exports.contains(wanted))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let prefix = format!("{CONTRACT}/");
    let other = exports
        .iter()
        .find(|name| name.starts_with(&prefix))
        .and_then(|name| name.split('@').nth(1));
    let problem = match other {
        Some(version) if version != CONTRACT_VERSION => format!(
            "it was built for {CONTRACT}@{version}, this host serves {CONTRACT}@{CONTRACT_VERSION}; use a matching \
             plugin or host"
        ),
        _ => format!("it does not export {}", missing.join(", ")),
    };
    Err(PluginError::WrongWorld {
        path: path.to_owned(),
        problem,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Plugin")
            .field("path", &self.path)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Plugins").finish_non_exhaustive()
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
            (b"#!/bin/sh", "no WebAssembly at all"),
            (b"\0asm\x01\0\0\0", "a core WebAssembly module"),
            (b"\0asm", "a core WebAssembly module"),
        ] {
            let error = check_kind(Path::new("x.wasm"), bytes).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("x.wasm is {found}, not a WebAssembly component")),
                "{error}"
            );
        }
        assert!(check_kind(Path::new("x.wasm"), b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn all_forbidden_imports_are_named_at_once() {
        let imports = names(&[
            "wasi:http/types@0.2.4",
            "wasi:filesystem/types@0.2.6",
            "wasi:sockets/tcp@0.2.6",
            "acme:kv/store@1.0.0",
        ]);
        let error = audit_imports(Path::new("x.wasm"), &imports)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("wasi:filesystem/types@0.2.6, wasi:sockets/tcp@0.2.6, acme:kv/store@1.0.0,"),
            "{error}"
        );
        assert!(!error.contains("wasi:http/types"), "{error}");
    }

    #[test]
    fn another_version_of_the_contract_is_named_with_ours() {
        let exports = names(&["headwater:source/types@0.2.0", "headwater:source/source@0.2.0"]);
        let error = audit_exports(Path::new("x.wasm"), &exports)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("headwater:source@0.2.0") && error.contains("headwater:source@0.1.0"),
            "{error}"
        );
        let error = audit_exports(Path::new("x.wasm"), &names(&["wasi:cli/run@0.2.0"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("does not export headwater:source/types@0.1.0"),
            "{error}"
        );
    }
}
