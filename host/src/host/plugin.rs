//! A plugin that was loaded.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{BuildError, Host};
use crate::component::{ComponentClient, Instance, Surroundings, Validation};
use crate::egress::Origin;
use crate::model::{Failure, Issue, Limits, Manifest};
use crate::plugin::CompiledPlugin;
use crate::secret::Template;

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
        self.client().describe().await
    }

    /// The origins that a source with this configuration will contact, for [`SourceBuilder::allow`](super::SourceBuilder::allow). The
    /// plugin judges the configuration for that; values of secrets may be invented. Nothing leaves this machine.
    ///
    /// # Errors
    ///
    /// What the plugin says of the configuration, or that it does not return.
    pub async fn origins(&self, config: &Value) -> Result<Vec<String>, BuildError> {
        let general = |failure: Failure| BuildError::new(vec![Issue::general(failure)]);
        let named = |(key, problem)| Issue::general(format_args!("{key}: {problem}"));
        let template = Template::new("config", config, &[])
            .map_err(|problems| BuildError::new(problems.into_iter().map(named).collect()))?;
        let resolved = template
            .resolve(&[])
            .await
            .map_err(|missing| BuildError::missing(missing.0.into_iter().map(Issue::general).collect()))?;
        let client = self.client();
        let Validation {
            problems, origins, ..
        } = client.validate(&resolved).await.map_err(general)?;
        // Nothing is granted here, so that what is needed is a problem, too.
        if origins.is_empty() && !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        Ok(origins.iter().map(Origin::to_string).collect())
    }

    /// A client that may reach nothing.
    fn client(&self) -> ComponentClient {
        ComponentClient::without_network(self.compiled.clone(), Limits::default())
    }

    /// An instance of this plugin, for examining it: what its calls bring is neither judged nor stored, and it shares nothing with
    /// sources. To read a log, use [`Plugin::source`].
    pub fn instance(&self, surroundings: Surroundings) -> Instance {
        Instance::alone(self.compiled.clone(), surroundings)
    }
}
