//! Making a source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tracing::warn;

use super::source::Inner;
use super::{BuildError, Plugin, Source};
use crate::component::{ComponentClient, Validation};
use crate::cursor::CursorBudget;
use crate::egress::{Grant, HttpClient, Origin, Outbound, ProxyChoice};
use crate::model::{Failure, Fault, Issue, Limits, Manifest, SOURCE_NAME_RULE, is_source_name};
use crate::plugin::CompiledPlugin;
use crate::reading::Lane;
use crate::secret::{Secret, Template};

/// How long a plugin may take to say what it is and what it thinks of its configuration; `Limits::poll_timeout`, if that is less.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// Guards against a plugin that asks for an endless loop.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Makes a [`Source`]: a plugin with a configuration, and what it may reach.
#[derive(Debug)]
#[must_use = "there is no source until it is built"]
pub struct SourceBuilder {
    plugin: Plugin,
    name: String,
    config: Value,
    secrets: Vec<(String, Secret)>,
    allow: Vec<String>,
    allow_private: bool,
    outbound: Outbound,
    interval: Option<Duration>,
    limits: Limits,
}

impl Plugin {
    /// Begins to make a source of this plugin. The name keys its cursors and is in its log lines: letters, digits, `-`, `_` and `.`, at
    /// most 64, not beginning with `.`.
    pub fn source(&self, name: impl Into<String>) -> SourceBuilder {
        SourceBuilder::new(self.clone(), name.into())
    }
}

impl SourceBuilder {
    pub(super) fn new(plugin: Plugin, name: String) -> Self {
        Self {
            plugin,
            name,
            config: Value::Object(serde_json::Map::new()),
            secrets: Vec::new(),
            allow: Vec::new(),
            allow_private: false,
            outbound: Outbound {
                proxy: ProxyChoice::Direct,
                ..Outbound::default()
            },
            interval: None,
            limits: Limits::default(),
        }
    }

    /// The plugin's configuration: a JSON object as its schema describes it. Empty if this is not called.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// A secret of the configuration, and the place for it as a JSON Pointer (RFC 6901), for example `/client_secret`. It is
    /// fetched before every call, so that a rotated one needs no restart, and removed from every text that leaves the source.
    pub fn secret(mut self, pointer: impl Into<String>, secret: Secret) -> Self {
        self.secrets.push((pointer.into(), secret));
        self
    }

    /// Adds origins (`https://host` or `https://host:port`; plain HTTP for loopback addresses only) that the source may reach. There are none
    /// otherwise.
    pub fn allow<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.allow.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Whether origins may have addresses that are not public. They may not, if this is not called.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.allow_private = allow;
        self
    }

    /// Trusts these certificate authorities, in a PEM file, instead of the system's.
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.outbound.ca = Some(path.into());
        self
    }

    /// Through which proxy requests go. None if this is not called: a library does not read the environment unasked.
    pub fn proxy(mut self, proxy: ProxyChoice) -> Self {
        self.outbound.proxy = proxy;
        self
    }

    /// How often partitions are polled. As often as the plugin asks for, if this is not called.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// What the source may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has the plugin check the configuration. Nothing leaves this machine.
    ///
    /// # Errors
    ///
    /// Every issue at once: names, origins, secrets that are not there; or what the plugin says of its configuration.
    pub async fn build(self) -> Result<Source, BuildError> {
        let (template, grant) = self.judge()?;
        let Self {
            plugin,
            name,
            outbound,
            interval,
            limits,
            ..
        } = self;
        let grant = Arc::new(grant);
        let missing = |error: &dyn std::fmt::Display| BuildError::missing(vec![Issue::general(error)]);
        let route = outbound.route().await.map_err(|error| missing(&error))?;
        let refused = |failure: Failure| BuildError::new(vec![Issue::general(failure)]);
        let manifest = manifest_of(&plugin.compiled, limits).await.map_err(refused)?;
        let interval = interval_of(interval, &manifest)
            .map_err(|problem| BuildError::new(vec![Issue::general(problem)]))?;
        let transport = Arc::new(HttpClient::new(grant.clone(), &route, interval));
        let client = ComponentClient::new(plugin.compiled.clone(), grant, transport, limits);
        let secret_keys = manifest.secret_keys();
        let resolved = template
            .resolve(&secret_keys)
            .await
            .map_err(|missing| BuildError::missing(missing.0.into_iter().map(Issue::general).collect()))?;
        let judged = at_start(limits, client.validate(&resolved))
            .await
            .map_err(refused)?;
        let Validation {
            problems, warnings, ..
        } = judged;
        for warning in &warnings {
            warn!(source = name, "{warning}");
        }
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        Ok(Source::new(Inner {
            shared: plugin.host.0.shared.clone(),
            plugin: format!("{} {}", manifest.name, manifest.version),
            name,
            manifest,
            interval,
            warnings,
            template,
            secret_keys,
            lane: Lane::new(client.compute()),
            client,
            cursors: CursorBudget::default(),
        }))
    }

    /// What can be judged without the plugin.
    fn judge(&self) -> Result<(Template, Grant), BuildError> {
        let mut issues = Vec::new();
        if !is_source_name(&self.name) {
            issues.push(Issue::general(format_args!(
                "\"{}\" is not a valid name of a source: {SOURCE_NAME_RULE}",
                self.name.escape_debug()
            )));
        }
        let mut origins = Vec::new();
        for text in &self.allow {
            match Origin::parse_grant(text) {
                Ok(origin) => origins.push(origin),
                Err(problem) => issues.push(Issue::general(format_args!("allow: {problem}"))),
            }
        }
        let grant = Grant::new(origins, self.allow_private);
        let template = Template::new("config", &self.config, &self.secrets);
        let (template, mut problems) = match template {
            Ok(template) => (template, Vec::new()),
            Err(problems) => (Template::default(), problems),
        };
        problems.extend(template.ungranted(&grant));
        let problems = problems.into_iter();
        issues.extend(problems.map(|(key, problem)| Issue::general(format_args!("{key}: {problem}"))));
        if issues.is_empty() {
            Ok((template, grant))
        } else {
            Err(BuildError::new(issues))
        }
    }
}

/// What a plugin says it is. It is asked until it has answered once; nobody waits for the question of another source.
async fn manifest_of(plugin: &Arc<CompiledPlugin>, limits: Limits) -> Result<Arc<Manifest>, Failure> {
    if let Some(known) = plugin.manifest.get() {
        return Ok(known.clone());
    }
    let client = ComponentClient::without_network(plugin.clone(), limits);
    let described = Arc::new(at_start(limits, client.describe()).await?);
    Ok(plugin.manifest.get_or_init(|| described).clone())
}

/// Awaits a call that needs no network, for a bounded time.
async fn at_start<T>(limits: Limits, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let patience = START_PATIENCE.min(limits.poll_timeout);
    tokio::time::timeout(patience, call).await.unwrap_or_else(|_| {
        let message = format!(
            "the plugin did not return within {}",
            humantime::format_duration(patience)
        );
        Err(Failure::host(Fault::Broken, "timeout", message)
            .with_hint("it needs no network for this, so this is a defect of the plugin; report it"))
    })
}

/// The operator's interval, or the plugin's.
fn interval_of(wish: Option<Duration>, manifest: &Manifest) -> Result<Duration, String> {
    let interval = wish.unwrap_or(manifest.default_interval).max(SHORTEST_INTERVAL);
    if interval < manifest.minimum_interval {
        return Err(format!(
            "interval: polling more often than every {} does harm upstream; use at least that",
            humantime::format_duration(manifest.minimum_interval)
        ));
    }
    Ok(interval)
}
