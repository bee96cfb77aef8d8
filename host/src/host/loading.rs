//! Loading a plugin.

#![expect(
    clippy::disallowed_methods,
    reason = "a file of a plugin is read within a bounded time, and compiling has bounds"
)]

use std::fmt;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;

use super::{Host, Plugin};
use crate::plugin::PluginError;

/// A plugin that is about to be loaded: await it.
#[derive(Debug)]
#[must_use = "nothing is loaded until this is awaited"]
pub struct Load {
    host: Host,
    path: PathBuf,
    pinned: Option<String>,
}

impl Load {
    pub(super) fn new(host: Host, path: PathBuf) -> Self {
        Self {
            host,
            path,
            pinned: None,
        }
    }

    /// Loads the file only if it has this digest: `sha256:` and 64 hexadecimal digits.
    pub fn pinned(mut self, digest: impl Into<String>) -> Self {
        self.pinned = Some(digest.into());
        self
    }
}

/// A plugin on its way.
pub struct LoadFuture(Pin<Box<dyn Future<Output = Result<Plugin, PluginError>> + Send>>);

impl IntoFuture for Load {
    type Output = Result<Plugin, PluginError>;
    type IntoFuture = LoadFuture;

    fn into_future(self) -> LoadFuture {
        LoadFuture(Box::pin(async move {
            let Self { host, path, pinned } = self;
            let (plugins, file) = (host.0.plugins.clone(), path.clone());
            // Reads and compiles.
            let loading = tokio::task::spawn_blocking(move || {
                plugins.load(
                    &file,
                    pinned
                        .as_deref()
                        .map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest)),
                )
            });
            let loaded = loading.await.map_err(|_| PluginError::Broken {
                path,
                reason: "the engine failed while it compiled it; report this defect".to_owned(),
            })?;
            Ok(Plugin::new(host, loaded?))
        }))
    }
}

impl Future for LoadFuture {
    type Output = Result<Plugin, PluginError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for LoadFuture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LoadFuture")
    }
}
