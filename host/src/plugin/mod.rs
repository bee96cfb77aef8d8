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
mod world;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use tracing::{info, warn};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::audit::{AuditError, Interfaces};
use self::bindings::SourceExportsPre;
use self::cache::{Cache, Key};
use self::compile::CompileError;
use self::native::Artifact;
use crate::file::small_file::{self, Purpose};
use crate::model::Manifest;
use crate::sandbox::StoreState;
use crate::work::fair_slots::FairSlots;

pub use audit::{CompileLimits, Excess};
pub use cache::CachePlace;
pub(crate) use compile_process::serve;
pub use error::PluginError;

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
    /// What the plugin says it is, once it has been asked: the same for all its sources, of which there may be thousands.
    pub(crate) manifest: OnceLock<Arc<Manifest>>,
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
        world::check_kind(path, bytes)?;
        let Interfaces { imports, exports } =
            audit::audit(bytes, &self.limits).map_err(|error| match error {
                AuditError::Malformed(reason) => broken(path, reason),
                AuditError::Excess(excess) => PluginError::TooLarge {
                    path: path.to_owned(),
                    excess,
                },
            })?;
        world::check_imports(path, &imports)?;
        world::check_exports(path, &exports)?;
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
            manifest: OnceLock::new(),
        })
    }

    /// The compiled component: as it was kept, or compiled now.
    fn component(&self, path: &Path, bytes: &[u8], digest: &str) -> Result<Component, PluginError> {
        let key = Key {
            plugin: digest,
            engine: &self.fingerprint,
        };
        if let Some(artifact) = self.cache.load(key, self.limits.code) {
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
            CompileError::NotNow(reason) => PluginError::NotNow {
                path: path.to_owned(),
                reason,
            },
            CompileError::Killed => PluginError::Killed {
                path: path.to_owned(),
            },
        })?;
        self.check_code(path, &artifact)?;
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

    /// What is loaded stays in memory, so that it has a bound like everything there.
    fn check_code(&self, path: &Path, artifact: &Artifact) -> Result<(), PluginError> {
        let (found, bound) = (artifact.as_bytes().len() as u64, self.limits.code);
        if found <= bound {
            return Ok(());
        }
        Err(PluginError::Stopped {
            path: path.to_owned(),
            reason: Excess::of_code(found, bound).to_string(),
        })
    }
}

fn broken(path: &Path, reason: String) -> PluginError {
    PluginError::Broken {
        path: path.to_owned(),
        reason,
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

    #[test]
    fn a_file_with_another_digest_than_the_pinned_one_is_not_looked_into() {
        let engine = engine::compiler().unwrap();
        let loader = PluginLoader::new(engine, &CompileSettings::default(), 1 << 30).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, "first").unwrap();
        let pinned = format!("{:x}", Sha256::digest("first"));
        let judged = loader.load(&path, Some(&pinned)).unwrap_err();
        assert!(matches!(judged, PluginError::NoComponent { .. }), "{judged}");
        std::fs::write(&path, "other").unwrap();
        let refused = loader.load(&path, Some(&pinned)).unwrap_err();
        assert!(matches!(refused, PluginError::WrongDigest { .. }), "{refused}");
    }

    #[test]
    fn a_plugin_with_more_native_code_than_may_be_loaded_is_refused_with_the_key_that_raises_the_bound() {
        let exports: String = ["types", "descriptor", "source"]
            .map(|interface| format!("(export \"headwater:source/{interface}@0.2.0\" (instance $empty))"))
            .concat();
        let text = format!("(component (core module (func)) (instance $empty) {exports})");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        let load = |code| {
            let limits = CompileLimits {
                code,
                ..CompileLimits::default()
            };
            let settings = CompileSettings {
                limits,
                ..CompileSettings::default()
            };
            let loader = PluginLoader::new(engine::compiler().unwrap(), &settings, 1 << 30).unwrap();
            loader.load(&path, None).unwrap_err()
        };
        let refused = load(1_000).to_string();
        for words in [
            "plugin.wasm is not compiled",
            "at most 1000 are compiled",
            "raise `compile.code`",
        ] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        // Within the bound it is judged further, and has none of the functions of a source.
        let judged = load(CompileLimits::default().code);
        assert!(matches!(judged, PluginError::WrongWorld { .. }), "{judged}");
    }
}
