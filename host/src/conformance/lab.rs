//! Calls into the component under examination: a fresh instance each, at one instant, with everything watched.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::Store;

use super::check::Check;
use super::findings::Findings;
use super::inspect;
use crate::bindings::LogSource;
use crate::bindings::exports::headwater::source::source as wit;
use crate::bindings::exports::headwater::source::types::Error as PluginError;
use crate::config::Limits;
use crate::cpu_share::CpuUse;
use crate::egress::{BoundSecrets, Bounds, Gate, Grant, Transport};
use crate::plugin::Plugin;
use crate::plugin_log::PluginLog;
use crate::redact::Redactor;
use crate::sandbox::{self, Guest};

/// The component, and what is found out about it.
pub(super) struct Lab {
    pub(super) plugin: Arc<Plugin>,
    pub(super) limits: Limits,
    /// The instant at which the examination takes place, since 1970.
    pub(super) now: Duration,
    findings: Mutex<Findings>,
}

/// The world outside of a call.
#[derive(Clone)]
pub(super) struct World {
    pub(super) upstream: Arc<dyn Transport>,
    pub(super) grant: Arc<Grant>,
    /// Secrets that the source only has placeholders of.
    pub(super) bound: BoundSecrets,
    /// The time since 1970.
    pub(super) now: Duration,
    /// Knows what must stay inside.
    pub(super) secrets: Redactor,
}

/// What a call came to. Nothing when it did not return, which has been noted.
pub(super) type Returned<T> = Option<(T, Cost)>;

/// What a call used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Requests sent.
    pub(super) requests: u32,
}

/// A call in flight inside its store.
pub(super) type Running<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

impl Lab {
    pub(super) fn new(plugin: Arc<Plugin>, limits: Limits, now: Duration) -> Self {
        Self {
            plugin,
            limits,
            now,
            findings: Mutex::default(),
        }
    }

    /// Notes that a check was made, and what is wrong unless it `holds`.
    pub(super) fn expect(&self, check: Check, holds: bool, otherwise: impl FnOnce() -> String) {
        self.findings().expect(check, holds, otherwise);
    }

    /// Notes why a check cannot be made.
    pub(super) fn skip(&self, check: Check, reason: impl Into<String>) {
        self.findings().skip(check, reason);
    }

    pub(super) fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it when a text that leaves the component holds a secret.
    pub(super) fn guard(&self, secrets: &Redactor, place: impl Display, text: &str) {
        let clean = secrets.redact(text) == text;
        self.expect(Check::Secrets, clean, || {
            format!("{place} holds a secret or a credential")
        });
    }

    /// One poll.
    pub(super) async fn poll(
        &self,
        world: &World,
        what: &str,
        request: wit::Request,
    ) -> Returned<Result<wit::Batch, PluginError>> {
        let sent = request.clone();
        let returned = self
            .call(world, what, move |source, store| {
                Box::pin(async move { source.headwater_source_source().call_poll(store, &sent).await })
            })
            .await?;
        inspect::polled(self, world, what, &request, &returned.0);
        Some(returned)
    }

    /// One call in an instance of its own.
    pub(super) async fn call<T: Send>(
        &self,
        world: &World,
        what: &str,
        function: impl for<'a> FnOnce(&'a LogSource, &'a mut Store<Guest>) -> Running<'a, T> + Send,
    ) -> Returned<T> {
        let timeout = self.limits.poll_timeout;
        let bounds = Bounds {
            response: self.limits.response,
            end: tokio::time::Instant::now() + timeout,
        };
        let gate = Gate::new(
            world.grant.clone(),
            world.upstream.clone(),
            bounds,
            world.bound.clone(),
        );
        let engine = self.plugin.pre.engine();
        let log = PluginLog::default();
        let mut store = sandbox::store_at(engine, &self.limits, gate, log, Some(world.now));
        let outcome = tokio::time::timeout(timeout, async {
            let source = self.plugin.pre.instantiate_async(&mut store).await?;
            function(&source, &mut store).await
        })
        .await;
        let traffic = store.data().usage(CpuUse::default()).traffic;
        inspect::log(self, world, what, store.data().log());
        self.expect(Check::Origins, traffic.refused == 0, || {
            format!(
                "{what}: {} request(s) to origins that are not in its plan, or too many",
                traffic.refused
            )
        });
        let stopped = match outcome {
            Ok(Ok(value)) => {
                self.expect(Check::BatchOrError, true, String::new);
                let requests = traffic.requests;
                return Some((value, Cost { requests }));
            }
            Ok(Err(trap)) => format!("{what} crashed: {}", trap.root_cause()),
            Err(_) => format!(
                "{what} did not return within {}",
                humantime::format_duration(timeout)
            ),
        };
        self.expect(Check::BatchOrError, false, || stopped);
        None
    }
}
