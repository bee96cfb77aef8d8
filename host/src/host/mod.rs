//! The way in for programs: a host, the plugins that it loads, the sources that it reads.

mod build_error;
mod helper_process;
mod loading;
mod plugin;
mod source;
mod source_builder;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

pub use self::build_error::BuildError;
pub use self::helper_process::run_helper_if_asked;
pub use self::loading::{Load, LoadFuture};
pub use self::plugin::Plugin;
pub use self::source::Source;
pub use self::source_builder::SourceBuilder;
use crate::cursor::{CursorStore, DynCursorStore};
use crate::egress::limit_connections;
use crate::plugin::{CompileSettings, PluginLoader, engine};
use crate::reading::{BatchMemory, Notices, Observer, Shared};
use crate::work::fair_slots::SlotUse;
use crate::work::machine_memory::usual_memory;

/// The part of the memory for calls that idle connections may take beside it: a quarter.
const CONNECTIONS_PART: u64 = 4;

/// Runs sources. One for a process: its bounds are for everything that it runs. Clones are the same host.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    plugins: Arc<PluginLoader>,
    shared: Shared,
}

/// Makes a [`Host`].
#[derive(Default)]
pub struct HostBuilder {
    store: Option<Arc<dyn DynCursorStore>>,
    notices: Notices,
    compile: CompileSettings,
    memory: Option<u64>,
}

/// Why there is no host.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// It was not said where cursors are kept.
    #[error("a host needs a place for cursors; name one with `HostBuilder::cursors`")]
    NoCursorStore,
    /// The engine does not start.
    #[error("cannot start the engine: {0:#}")]
    Engine(anyhow::Error),
}

impl Host {
    /// Begins to make a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// What the calls into plugins take at present.
    pub fn call_usage(&self) -> SlotUse {
        self.0.plugins.slots().used()
    }

    /// Loads a plugin: a WebAssembly component in a file. Each distinct file is compiled once, which takes seconds;
    /// [`HostBuilder::compile`] can keep the result for the next start.
    ///
    /// Await the result, after [`Load::pinned`] if the file must have a certain digest.
    pub fn load(&self, path: impl AsRef<Path>) -> Load {
        Load::new(self.clone(), path.as_ref().to_owned())
    }
}

impl HostBuilder {
    /// Where cursors are kept. Needed.
    #[must_use]
    pub fn cursors(mut self, store: impl CursorStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Who hears how reading goes.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.notices = Notices::to(observer);
        self
    }

    /// What is compiled, what that may take, and where the result is kept for the next start: nowhere, if this is not called.
    ///
    /// The bounds for memory and time hold where plugins are compiled in a process of its own, which is the calling program
    /// again: see [`run_helper_if_asked`]. In a program that does not call that, or whose file is missing or may not be run, a plugin is
    /// compiled in the program itself and its compilation is not bounded; the other limits hold there as well. Where the
    /// system has no process to spare at present, nothing is compiled: loading ends with
    /// [`PluginError::NotNow`](crate::plugin::PluginError::NotNow) and can be tried again.
    #[must_use]
    pub fn compile(mut self, settings: CompileSettings) -> Self {
        self.compile = settings;
        self
    }

    /// Bytes that all calls into plugins may take together. Calls that would exceed them wait. Half of the machine's memory, if this
    /// is not called.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Starts the engine.
    ///
    /// # Errors
    ///
    /// There is no place for cursors, or the engine does not start on this machine.
    pub fn build(self) -> Result<Host, HostError> {
        let shared = Shared {
            store: self.store.ok_or(HostError::NoCursorStore)?,
            memory: BatchMemory::default(),
            notices: self.notices,
        };
        let memory = self.memory.unwrap_or_else(usual_memory);
        limit_connections(memory / CONNECTIONS_PART);
        let plugins = engine::start()
            .and_then(|engine| PluginLoader::new(engine, &self.compile, memory))
            .map_err(HostError::Engine)?;
        Ok(Host(Arc::new(Inner {
            plugins: Arc::new(plugins),
            shared,
        })))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Host").finish_non_exhaustive()
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostBuilder")
            .field("compile", &self.compile)
            .finish_non_exhaustive()
    }
}
