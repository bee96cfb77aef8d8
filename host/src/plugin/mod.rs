//! PluginLoader: component files, audited before they are compiled, compiled once for all sources that use them.

mod audit;
pub(crate) mod bindings;
mod cache;
mod compile;
mod compile_process;
pub(crate) mod engine;
mod error;
mod link;
mod native;
#[cfg(feature = "oci")]
pub mod registry;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tracing::{info, warn};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::audit::{AuditError, Interfaces};
use self::bindings::SourceExportsPre;
use self::cache::{Cache, Key};
use self::compile::CompileError;
use crate::file::small_file::{self, Purpose};
use crate::sandbox::StoreState;
use crate::work::fair_slots::FairSlots;

pub use audit::{CompileLimits, Excess};
pub use cache::CachePlace;
pub(crate) use compile_process::serve;
pub use error::PluginError;

/// The package of the contract, and the versions that this host serves: `0.2.` and any number.
const CONTRACT: &str = "headwater:source";
const CONTRACT_VERSIONS: (u64, u64) = (0, 2);
/// What the world of a source exports.
const CONTRACT_INTERFACES: [&str; 3] = ["types", "descriptor", "source"];

/// How WebAssembly files begin: `\0asm`, then two bytes of version and two of kind.
const MAGIC: &[u8] = b"\0asm";
const KIND_COMPONENT: [u8; 2] = [1, 0];

/// A compiled plugin, linked and ready to be instantiated.
pub(crate) struct CompiledPlugin {
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
    pub(crate) pre: SourceExportsPre<StoreState>,
    /// One is held while an instance exists, of this plugin or any other of the engine.
    pub(crate) slots: FairSlots,
}

/// How plugins are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompileSettings {
    /// What is compiled, and what it may take.
    pub limits: CompileLimits,
    /// Where the result is kept for the next start.
    pub cache: CachePlace,
}

/// Loads plugins, each distinct file once.
pub(crate) struct PluginLoader {
    engine: Engine,
    /// What compiled code depends on besides the plugin.
    fingerprint: String,
    linker: Linker<StoreState>,
    slots: FairSlots,
    limits: CompileLimits,
    cache: Cache,
    /// By digest. Each has a lock of its own, so that a plugin that takes long to compile keeps no other one waiting.
    loaded: Mutex<HashMap<String, Arc<Mutex<Slot>>>>,
}

/// What is known about a digest.
#[derive(Default)]
enum Slot {
    #[default]
    Unknown,
    Loaded(Arc<CompiledPlugin>),
    /// Compiling it was stopped: not tried again for each source that names it.
    Stopped(String),
}

impl PluginLoader {
    /// A loader for this engine. All calls together may take so many bytes of memory.
    pub fn new(engine: Engine, settings: &CompileSettings, memory: u64) -> anyhow::Result<Self> {
        Ok(Self {
            fingerprint: engine::fingerprint(&engine),
            linker: link::linker(&engine)?,
            engine,
            slots: FairSlots::new(engine::calls_at_once(memory)),
            limits: settings.limits,
            cache: Cache::open(&settings.cache),
            loaded: Mutex::default(),
        })
    }

    /// The slots of all calls.
    pub(crate) fn slots(&self) -> &FairSlots {
        &self.slots
    }

    /// Reads, checks and compiles a file, or hands out what was compiled from the same bytes before.
    ///
    /// Blocks: compiling takes seconds when the cache does not know the file.
    pub fn load(&self, path: &Path, pinned: Option<&str>) -> Result<Arc<CompiledPlugin>, PluginError> {
        let bytes = self.read(path)?;
        let digest = format!("{:x}", Sha256::digest(&bytes));
        if let Some(pinned) = pinned.filter(|pinned| *pinned != digest) {
            return Err(PluginError::WrongDigest {
                path: path.to_owned(),
                pinned: pinned.to_owned(),
                actual: digest,
            });
        }
        let slot = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.entry(digest.clone()).or_default().clone()
        };
        // Held while compiling, so that a thousand sources that start together compile their file once.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Loaded(plugin) => return Ok(plugin.clone()),
            Slot::Stopped(reason) => {
                return Err(PluginError::Stopped {
                    path: path.to_owned(),
                    reason: reason.clone(),
                });
            }
            Slot::Unknown => {}
        }
        match self.prepare(path, &bytes, digest) {
            Ok(plugin) => {
                let plugin = Arc::new(plugin);
                info!(plugin = %path.display(), digest = %format_args!("sha256:{}", plugin.digest), "loaded a plugin");
                *slot = Slot::Loaded(plugin.clone());
                Ok(plugin)
            }
            Err(error) => {
                if let PluginError::Stopped { reason, .. } = &error {
                    *slot = Slot::Stopped(reason.clone());
                }
                Err(error)
            }
        }
    }

    /// The bytes of a file, of a regular one and no more than are compiled.
    fn read(&self, path: &Path) -> Result<Vec<u8>, PluginError> {
        let bytes =
            small_file::read_blocking(path, Purpose::PLUGIN).map_err(|source| PluginError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
        let bound = self.limits.size;
        let found = bytes.len() as u64;
        if found > bound {
            return Err(PluginError::TooLarge {
                path: path.to_owned(),
                excess: Excess {
                    what: "bytes of the file",
                    found,
                    bound,
                    key: "size",
                },
            });
        }
        Ok(bytes)
    }

    fn prepare(&self, path: &Path, bytes: &[u8], digest: String) -> Result<CompiledPlugin, PluginError> {
        check_kind(path, bytes)?;
        let Interfaces { imports, exports } =
            audit::audit(bytes, &self.limits).map_err(|error| match error {
                AuditError::Malformed(reason) => broken(path, reason),
                AuditError::Excess(excess) => PluginError::TooLarge {
                    path: path.to_owned(),
                    excess,
                },
            })?;
        audit_imports(path, &imports)?;
        audit_exports(path, &exports)?;
        let component = self.component(path, bytes, &digest)?;
        let pre = self
            .linker
            .instantiate_pre(&component)
            .and_then(SourceExportsPre::new)
            .map_err(|error| {
                // The names match, so it is the shape of a function or a type that differs.
                PluginError::WrongWorld {
                    path: path.to_owned(),
                    problem: format!("{error:#}"),
                }
            })?;
        Ok(CompiledPlugin {
            path: path.to_owned(),
            digest,
            size: bytes.len() as u64,
            imports,
            exports,
            pre,
            slots: self.slots.clone(),
        })
    }

    /// The compiled component: as it was kept, or compiled now.
    fn component(&self, path: &Path, bytes: &[u8], digest: &str) -> Result<Component, PluginError> {
        let key = Key {
            plugin: digest,
            engine: &self.fingerprint,
        };
        if let Some(artifact) = self.cache.load(key) {
            match artifact.load(&self.engine) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    warn!("a kept compiled plugin cannot be used ({error:#}); it is compiled again")
                }
            }
        }
        let artifact = compile::compile(&self.engine, bytes, &self.limits).map_err(|error| match error {
            CompileError::Broken(reason) => broken(path, reason),
            CompileError::Stopped(reason) => PluginError::Stopped {
                path: path.to_owned(),
                reason,
            },
        })?;
        // It compiles, so that the file is whole: what is in the way is a bound of the engine's pool.
        let component = artifact
            .load(&self.engine)
            .map_err(|error| PluginError::TooManyParts {
                path: path.to_owned(),
                reason: error.root_cause().to_string(),
            })?;
        self.cache.store(key, &artifact);
        Ok(component)
    }
}

fn broken(path: &Path, reason: String) -> PluginError {
    PluginError::Broken {
        path: path.to_owned(),
        reason,
    }
}

/// Tells a component from the other things that people name as one.
fn check_kind(path: &Path, bytes: &[u8]) -> Result<(), PluginError> {
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

/// Checks that the contract's interfaces are there, in a version that this host serves.
fn audit_exports(path: &Path, exports: &[String]) -> Result<(), PluginError> {
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

impl std::fmt::Debug for CompiledPlugin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CompiledPlugin")
            .field("path", &self.path)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PluginLoader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PluginLoader").finish_non_exhaustive()
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
        let error = audit_imports(Path::new("x.wasm"), &imports)
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
        let judge = |exports: &[String]| audit_exports(Path::new("x.wasm"), exports);
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
            let error = audit_exports(Path::new("x.wasm"), &names(exports));
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
