//! A plugin that was loaded.

use std::path::Path;
use std::sync::Arc;

use super::Host;
use crate::component::{ComponentClient, Instance, Surroundings};
use crate::egress::{Grant, HttpClient, Outbound};
use crate::model::{Failure, Fault, Limits, Manifest};
use crate::plugin::CompiledPlugin;

/// A plugin that was loaded: compiled and ready. Clones share it.
#[derive(Debug, Clone)]
pub struct Plugin {
    pub(super) host: Host,
    pub(super) compiled: Arc<CompiledPlugin>,
}

impl Plugin {
    pub(super) fn new(host: Host, compiled: Arc<CompiledPlugin>) -> Self {
        Self { host, compiled }
    }

    /// The file that it came from.
    pub fn path(&self) -> &Path {
        &self.compiled.path
    }

    /// SHA-256 of the file, as 64 lower-case hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.compiled.digest
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.compiled.size
    }

    /// The interfaces that it imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.compiled.imports
    }

    /// The interfaces that it exports, with versions.
    pub fn exports(&self) -> &[String] {
        &self.compiled.exports
    }

    /// Asks the plugin what it is. Nothing leaves this machine.
    ///
    /// # Errors
    ///
    /// The plugin does not return, or what it says cannot be used.
    pub async fn describe(&self) -> Result<Manifest, Failure> {
        let route = Outbound::default().route().await;
        let route = route.map_err(|error| Failure::host(Fault::InvalidConfig, "start", error))?;
        let grant = Arc::new(Grant::default());
        let transport = Arc::new(HttpClient::new(grant.clone(), &route));
        ComponentClient::new(self.compiled.clone(), grant, transport, Limits::default())
            .describe()
            .await
    }

    /// An instance of this plugin, for examining it: what its calls bring is neither judged nor stored, and it shares nothing with
    /// sources. To read a log, use [`Plugin::source`].
    pub fn instance(&self, surroundings: Surroundings) -> Instance {
        Instance::alone(self.compiled.clone(), surroundings)
    }
}
