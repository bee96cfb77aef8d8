//! One source: its plugin, its configuration, its partitions.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::batch_memory::Allowance;
use crate::bindings::exports::headwater::source::descriptor::Manifest;
use crate::bindings::exports::headwater::source::source::{Issue, PartitionInfo, Report};
use crate::caller::Caller;
use crate::config::{Limits, SourceConfig};
use crate::cursor_bytes::CursorBytes;
use crate::dead_letter::DeadLetters;
use crate::egress::{Origin, Sender};
use crate::failure::{Failure, Fault};
use crate::load::LoadError;
use crate::manifest;
use crate::plugin::Plugin;
use crate::secret::Resolved;
use crate::sink::Sink;

/// How long a plugin may take to say what it is and what it thinks of its configuration; `poll_timeout`, if that is less.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// What is shown of a plugin's issues and warnings, and of each in letters.
const MOST_SENTENCES: usize = 20;
const LONGEST_SENTENCE: usize = 500;

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
        let manifest = at_start(config.limits, caller.describe())
            .await
            .and_then(|described| described)
            .map_err(|failure| one(failure.to_string()))?;
        let interval = interval(&config, &manifest).map_err(one)?;
        let source = Self {
            plugin: format!("{} {}", manifest.name, manifest.version),
            interval,
            caller,
            cursors: CursorBytes::default(),
            secret_keys: manifest::secret_keys(&manifest.config_schema),
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
        let clean = |text: &str| shortened(&resolved.scrubber.clean(&shortened(text)));
        let judged = at_start(self.config.limits, self.caller.validate(&resolved))
            .await
            .and_then(|judged| judged);
        let plan = match judged {
            Ok(Ok(plan)) => plan,
            Ok(Err(issues)) => {
                let sentence = |issue: &Issue| {
                    format!(
                        "config{}: {}",
                        dotted(&clean(&issue.pointer)),
                        clean(&issue.message)
                    )
                };
                return Err(LoadError::of_plugin(first(&issues, sentence)));
            }
            Err(failure) => return Err(LoadError::of_plugin(vec![failure.to_string()])),
        };
        for warning in first(&plan.warnings, |warning| {
            format!(
                "config{}: {}",
                dotted(&clean(&warning.pointer)),
                clean(&warning.message)
            )
        }) {
            warn!(source = self.name(), "{warning}");
        }
        let missing: Vec<&String> = plan
            .origins
            .iter()
            .filter(|text| !Origin::parse(text).is_ok_and(|origin| self.config.grant.contains(&origin)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = first(&missing, |text| format!("\"{}\"", clean(text)));
        Err(LoadError::of_plugin(vec![format!(
            "allow: this configuration also needs {}; add to `allow` what you trust",
            missing.join(", ")
        )]))
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

/// The first of what a plugin says, and how many more there are.
fn first<T>(items: &[T], sentence: impl Fn(&T) -> String) -> Vec<String> {
    let mut sentences: Vec<String> = items.iter().take(MOST_SENTENCES).map(sentence).collect();
    if items.len() > MOST_SENTENCES {
        sentences.push(format!("and {} more", items.len() - MOST_SENTENCES));
    }
    sentences
}

/// The beginning of a text that is too long for a sentence.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SENTENCE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
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

/// A JSON Pointer as people write keys: `/filter/resource_id` as `.filter.resource_id`.
fn dotted(pointer: &str) -> String {
    pointer.replace('/', ".").replace("~1", "/").replace("~0", "~")
}

impl std::fmt::Debug for Outlets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outlets")
            .field("dead_letters", &self.dead_letters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_read_like_keys() {
        for (pointer, key) in [
            ("", ""),
            ("/client_id", ".client_id"),
            ("/drop/0/a~1b", ".drop.0.a/b"),
        ] {
            assert_eq!(dotted(pointer), key);
        }
    }
}
