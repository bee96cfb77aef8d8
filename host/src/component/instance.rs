//! One instance of a plugin, and its calls. There is no other way to call a component.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use tokio::time::Instant;
use wasmtime::Store;

use super::call_error::{CallError, Refused};
use super::raw::{self, Session};
use crate::egress::{BoundSecrets, EgressHooks, Grant, Transport};
use crate::model::{Issue, Limits};
use crate::plugin::CompiledPlugin;
use crate::plugin::bindings::SourceExports;
use crate::sandbox::plugin_log::PluginLog;
use crate::sandbox::{self, StoreState, Usage};
use crate::work::cpu_share::{CpuShare, CpuUse};
use crate::work::fair_slots::{Share, Slot};

/// Bytes that a call may return which says what a plugin is, or whether it can work: texts for people.
const LARGEST_REPORT: usize = 4 << 20;
/// Bytes that a list of partitions may take.
const LARGEST_DISCOVERY: usize = 16 << 20;

/// What surrounds an instance.
#[derive(Clone)]
pub struct Surroundings {
    /// What sends its requests.
    pub transport: Arc<dyn Transport>,
    /// The origins that it may reach.
    pub grant: Arc<Grant>,
    /// Secrets that it has only placeholders of.
    pub secrets: BoundSecrets,
    /// Its bounds.
    pub limits: Limits,
    /// The time since 1970 at which its calendar stands still; none lets it see the real one.
    pub now: Option<Duration>,
}

/// An instance of a plugin in a sandbox of its own. It is made at its first call.
///
/// What comes back is not judged: it may break the contract, and hold secrets. Each call has the time of
/// [`Limits::poll_timeout`]; requests and bytes of all calls together have the bounds of one. After a call that did not
/// return an instance is of no more use.
pub struct Instance {
    plugin: Arc<CompiledPlugin>,
    store: Store<StoreState>,
    exports: Option<SourceExports>,
    limits: Limits,
    cpu: Arc<CpuShare>,
    share: Arc<Share>,
    slot: Option<Slot>,
    used: CpuUse,
    took: Duration,
}

/// What is left of an instance.
pub(super) struct Finished {
    pub(super) usage: Usage,
    /// Time of all calls, from start to end.
    pub(super) took: Duration,
    /// What it wrote to stderr.
    pub(super) log: PluginLog,
    /// What its requests logged in with.
    pub(super) credentials: Vec<String>,
    /// There unless nothing was called.
    pub(super) slot: Option<Slot>,
}

impl Instance {
    /// An instance that shares nothing with others, for examinations.
    pub(crate) fn alone(plugin: Arc<CompiledPlugin>, surroundings: Surroundings) -> Self {
        let cpu = Arc::new(CpuShare::new(surroundings.limits.cpu));
        let share = Arc::new(plugin.slots.share(surroundings.limits.call_memory()));
        Self::new(plugin, surroundings, cpu, share)
    }

    /// An instance of a source, which uses the source's share of the processor and of the slots.
    pub(super) fn new(
        plugin: Arc<CompiledPlugin>,
        surroundings: Surroundings,
        cpu: Arc<CpuShare>,
        share: Arc<Share>,
    ) -> Self {
        let Surroundings {
            transport,
            grant,
            secrets,
            limits,
            now,
        } = surroundings;
        let hooks = EgressHooks::new(grant, transport, limits.response, secrets);
        let store = sandbox::store(plugin.pre.engine(), &limits, hooks, PluginLog::default(), now);
        Self {
            plugin,
            store,
            exports: None,
            limits,
            cpu,
            share,
            slot: None,
            used: CpuUse::default(),
            took: Duration::ZERO,
        }
    }

    /// Asks the plugin what it is.
    ///
    /// # Errors
    ///
    /// It did not return.
    pub async fn describe(&mut self) -> Result<raw::Manifest, CallError> {
        let described = self.call(LARGEST_REPORT, async |source, store| {
            source.headwater_source_descriptor().call_describe(store).await
        });
        Ok(described.await?.into())
    }

    /// Has the plugin check a configuration. The inner error is every issue with it.
    ///
    /// # Errors
    ///
    /// It did not return.
    pub async fn validate(&mut self, config: &str) -> Result<Result<raw::Plan, Vec<Issue>>, CallError> {
        let config = config.to_owned();
        let validated = self.call(LARGEST_REPORT, async |source, store| {
            source
                .headwater_source_source()
                .call_validate(store, &config)
                .await
        });
        Ok(validated.await?.map(Into::into).map_err(raw::issues))
    }

    /// Has the plugin find the partitions, within `deadline` as far as it keeps it. The inner error is the plugin's own.
    ///
    /// # Errors
    ///
    /// It did not return.
    pub async fn discover(
        &mut self,
        config: &str,
        session: Option<&Session>,
        deadline: Duration,
    ) -> Result<Result<raw::Discovery, raw::Error>, CallError> {
        let (config, session) = (config.to_owned(), bytes(session));
        let deadline = raw::nanoseconds(deadline);
        let discovered = self.call(LARGEST_DISCOVERY, async |source, store| {
            let source = source.headwater_source_source();
            source
                .call_discover(store, &config, session.as_ref(), deadline)
                .await
        });
        Ok(discovered.await?.map(Into::into).map_err(Into::into))
    }

    /// Has the plugin test a partition, within `deadline` as far as it keeps it. The inner error is the plugin's own.
    ///
    /// # Errors
    ///
    /// It did not return.
    pub async fn check(
        &mut self,
        config: &str,
        session: Option<&Session>,
        partition: &str,
        deadline: Duration,
    ) -> Result<Result<raw::Report, raw::Error>, CallError> {
        let (config, session, partition) = (config.to_owned(), bytes(session), partition.to_owned());
        let deadline = raw::nanoseconds(deadline);
        let checked = self.call(LARGEST_REPORT, async |source, store| {
            let source = source.headwater_source_source();
            source
                .call_check(store, &config, session.as_ref(), &partition, deadline)
                .await
        });
        Ok(checked.await?.map(Into::into).map_err(Into::into))
    }

    /// Has the plugin fetch the next batch of a partition. The inner error is the plugin's own.
    ///
    /// # Errors
    ///
    /// It did not return.
    pub async fn poll(&mut self, request: raw::Request) -> Result<Result<raw::Batch, raw::Error>, CallError> {
        let request = request.into();
        let polled = self.call(usize::MAX, async |source, store| {
            source.headwater_source_source().call_poll(store, &request).await
        });
        Ok(polled.await?.map(Into::into).map_err(Into::into))
    }

    /// What all calls so far have used.
    pub fn usage(&self) -> Usage {
        self.store.data().usage(self.used)
    }

    /// What the plugin has written to stderr since this was last asked.
    pub fn take_log(&mut self) -> raw::Log {
        let (text, dropped) = self.store.data().log().take();
        raw::Log { text, dropped }
    }

    /// One call, with the instance made before the first, and a time-out around everything. No more than `most` bytes may
    /// come back.
    async fn call<T>(
        &mut self,
        most: usize,
        function: impl AsyncFnOnce(&SourceExports, &mut Store<StoreState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        // Waiting here counts towards no time-out: it is not the plugin that is slow.
        if self.slot.is_none() {
            self.slot = Some(self.share.slot().await);
        }
        let started = StdInstant::now();
        let timeout = self.limits.poll_timeout;
        self.store.data_mut().begin(Instant::now() + timeout);
        let transfer = usize::try_from(self.limits.transfer()).unwrap_or(usize::MAX);
        self.store.set_hostcall_fuel(transfer.min(most));
        let mut used = CpuUse::default();
        let outcome = {
            let (plugin, exports, store) = (&self.plugin, &mut self.exports, &mut self.store);
            let call = async move {
                let source = match exports {
                    Some(source) => source,
                    None => exports.insert(plugin.pre.instantiate_async(&mut *store).await?),
                };
                function(source, store).await
            };
            tokio::time::timeout(timeout, self.cpu.meter(call, &mut used)).await
        };
        self.used.ran += used.ran;
        self.used.held += used.held;
        self.took += started.elapsed();
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(trap)) => Err(self.crashed(&trap)),
            Err(_) => Err(CallError::Overdue {
                after: timeout,
                held: used.held,
            }),
        }
    }

    fn crashed(&self, trap: &wasmtime::Error) -> CallError {
        let state = self.store.data();
        CallError::Crashed {
            reason: trap.root_cause().to_string(),
            trace: format!("{trap:#}"),
            refused: if state.was_refused_memory() {
                Some(Refused::Memory)
            } else if state.was_refused_host_memory() {
                Some(Refused::HostMemory)
            } else {
                None
            },
        }
    }

    /// Ends the instance: its memory is free then.
    pub(super) fn finish(self) -> Finished {
        let state = self.store.data();
        Finished {
            usage: state.usage(self.used),
            took: self.took,
            log: state.log().clone(),
            credentials: state.credentials(),
            slot: self.slot,
        }
    }
}

fn bytes(session: Option<&Session>) -> Option<Vec<u8>> {
    session.map(|session| session.as_bytes().to_vec())
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Surroundings")
            .field("grant", &self.grant)
            .field("limits", &self.limits)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Instance")
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}
