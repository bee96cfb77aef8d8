//! One source: its plugin, its configuration, its partitions.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::batch_memory::Allowance;
use crate::bindings::exports::headwater::source::descriptor::Manifest;
use crate::bindings::exports::headwater::source::source::{PartitionInfo, Report};
use crate::caller::Caller;
use crate::config::{Limits, SourceConfig};
use crate::cursor_bytes::CursorBytes;
use crate::dead_letter::DeadLetters;
use crate::egress::Sender;
use crate::failure::{Failure, Fault};
use crate::load::LoadError;
use crate::manifest::{self, Described};
use crate::plugin::Plugin;
use crate::secret::Resolved;
use crate::sink::Sink;
use crate::validation::Verdict;

/// How long a plugin may take to say what it is and what it thinks of its configuration; `poll_timeout`, if that is less.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// A source that has been loaded and whose configuration its plugin accepts.
#[derive(Debug)]
pub struct Source {
    /// The operator's settings.
    pub config: SourceConfig,
    /// Name and version of the plugin.
    pub plugin: String,
    /// How often to poll.
    pub interval: Duration,
    pub(crate) caller: Caller,
    pub(crate) cursors: CursorBytes,
    secret_keys: Vec<String>,
    /// What its batches may take of the memory.
    pub(crate) allowance: Allowance,
}

/// Where a source's events and rejected items go.
#[derive(Clone)]
pub struct Outlets {
    /// For events.
    pub sink: Arc<dyn Sink>,
    /// For the rest.
    pub dead_letters: DeadLetters,
}

impl Source {
    /// Has the plugin check its configuration. Nothing leaves this machine.
    ///
    /// The error holds every problem found, each a sentence that says what to do.
    pub async fn load(config: SourceConfig, plugin: Arc<Plugin>) -> Result<Self, LoadError> {
        let one = |problem: String| LoadError::of_plugin(vec![problem]);
        let grant = Arc::new(config.grant.clone());
        let route = config.outbound.route().await.map_err(LoadError::missing)?;
        let transport = Arc::new(Sender::new(grant.clone(), &route));
        let caller = Caller::new(plugin, grant, transport, config.limits);
        let Described { manifest, keys } = at_start(config.limits, caller.describe())
            .await
            .and_then(|described| described)
            .map_err(|failure| one(failure.to_string()))?;
        let interval = interval(&config, &manifest).map_err(one)?;
        let source = Self {
            plugin: format!("{} {}", manifest.name, manifest.version),
            interval,
            caller,
            cursors: CursorBytes::default(),
            secret_keys: manifest::secret_names(keys),
            allowance: Allowance::default(),
            config,
        };
        source.validate().await?;
        Ok(source)
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The bounds of a poll.
    pub fn limits(&self) -> Limits {
        self.config.limits
    }

    /// Fetches the secrets and makes the plugin's configuration.
    pub(crate) async fn resolve(&self) -> Result<Resolved, Failure> {
        self.config
            .config
            .resolve(&self.secret_keys)
            .await
            .map_err(|missing| Failure::host(Fault::Denied, "secret", missing))
    }

    /// Finds the partitions that can be polled, and those that cannot with the reason.
    pub async fn discover(&self) -> Result<Vec<PartitionInfo>, Failure> {
        let config = self.resolve().await?;
        let called = self.caller.discover(&config).await;
        called.result
    }

    /// Tests one partition.
    pub async fn check(&self, partition: &str) -> Result<Report, Failure> {
        let config = self.resolve().await?;
        self.caller.check(&config, partition).await.result
    }

    /// Has the plugin check its configuration, and compares what it needs with what it is granted.
    async fn validate(&self) -> Result<(), LoadError> {
        let resolved = self
            .config
            .config
            .resolve(&self.secret_keys)
            .await
            .map_err(|missing| LoadError {
                problems: missing.0,
                ..LoadError::missing("")
            })?;
        let judged = at_start(self.config.limits, self.caller.validate(&resolved))
            .await
            .and_then(|judged| judged);
        match judged {
            Ok(Verdict { problems, warnings }) => {
                for warning in warnings {
                    warn!(source = self.name(), "{warning}");
                }
                match problems.is_empty() {
                    true => Ok(()),
                    false => Err(LoadError::of_plugin(problems)),
                }
            }
            Err(failure) => Err(LoadError::of_plugin(vec![failure.to_string()])),
        }
    }
}

/// Awaits a call that needs no network, for a bounded time.
async fn at_start<T>(limits: Limits, call: impl Future<Output = T>) -> Result<T, Failure> {
    let patience = START_PATIENCE.min(limits.poll_timeout);
    tokio::time::timeout(patience, call).await.map_err(|_| {
        let message = format!(
            "the plugin did not return within {}",
            humantime::format_duration(patience)
        );
        Failure::host(Fault::Broken, "timeout", message)
            .with_hint("it needs no network for this, so this is a defect of the plugin; report it")
    })
}

/// The operator's interval, or the plugin's.
fn interval(config: &SourceConfig, manifest: &Manifest) -> Result<Duration, String> {
    let minimum = Duration::from_nanos(manifest.minimum_interval);
    let interval = config
        .interval
        .unwrap_or(Duration::from_nanos(manifest.default_interval))
        .max(SHORTEST_INTERVAL);
    if interval < minimum {
        return Err(format!(
            "interval: polling more often than every {} does harm upstream; use at least that",
            humantime::format_duration(minimum)
        ));
    }
    Ok(interval)
}

/// Guards against a plugin that asks for an endless loop.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

impl std::fmt::Debug for Outlets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outlets")
            .field("dead_letters", &self.dead_letters)
            .finish_non_exhaustive()
    }
}
