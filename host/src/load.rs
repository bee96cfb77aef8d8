//! Getting sources ready to run: their plugins found and compiled, their configurations accepted.

use std::sync::Arc;

use thiserror::Error;

use crate::config::{PluginPlace, SourceConfig};
use crate::plugin::{Plugin, PluginError, Plugins};
use crate::registry::{self, RegistryError};
use crate::source::Source;

/// Why sources cannot be made ready: every problem of each, one a line.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The operator has to put something right.
    #[error("{0}")]
    Misconfigured(String),
    /// Nothing but registries that cannot be asked at present.
    #[error("{0}")]
    Unavailable(String),
}

/// Makes all sources ready, or names every problem of each.
pub async fn sources(configs: Vec<SourceConfig>, plugins: &Plugins) -> Result<Vec<Source>, LoadError> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    let mut may_pass = true;
    for config in configs {
        let name = config.name.clone();
        match source(config, plugins).await {
            Ok(source) => sources.push(source),
            Err(found) => {
                may_pass &= found.may_pass;
                let problems_of_it = found.problems.iter();
                problems.extend(problems_of_it.map(|problem| format!("source \"{name}\": {problem}")));
            }
        }
    }
    let text = problems.join("\n  ");
    match (problems.is_empty(), may_pass) {
        (true, _) => Ok(sources),
        (false, true) => Err(LoadError::Unavailable(text)),
        (false, false) => Err(LoadError::Misconfigured(text)),
    }
}

/// What is wrong with one source.
struct Found {
    problems: Vec<String>,
    /// Whether waiting may be all that it takes.
    may_pass: bool,
}

impl From<Vec<String>> for Found {
    fn from(problems: Vec<String>) -> Self {
        Self {
            problems,
            may_pass: false,
        }
    }
}

impl From<PluginError> for Found {
    fn from(error: PluginError) -> Self {
        vec![error.to_string()].into()
    }
}

impl From<RegistryError> for Found {
    fn from(error: RegistryError) -> Self {
        Self {
            problems: vec![error.to_string()],
            may_pass: matches!(error, RegistryError::Unavailable { .. }),
        }
    }
}

async fn source(config: SourceConfig, plugins: &Plugins) -> Result<Source, Found> {
    let plugin = plugin(&config, plugins).await?;
    Ok(Source::load(config, plugin).await?)
}

async fn plugin(config: &SourceConfig, plugins: &Plugins) -> Result<Arc<Plugin>, Found> {
    let pinned = config.digest.as_deref();
    match &config.plugin {
        PluginPlace::File(path) => Ok(plugins.load(path, pinned)?),
        PluginPlace::Registry(reference, folder) => {
            let fetched = registry::fetch(reference, &config.outbound, folder).await?;
            Ok(plugins.load(&fetched.path, pinned.or(Some(&fetched.digest)))?)
        }
    }
}
