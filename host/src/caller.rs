//! A source's way into its plugin: each call in a fresh sandbox, with limits, a time-out and the session.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::debug;
use wasmtime::Store;

use crate::batch::{self, Batch};
use crate::bindings::LogSource;
use crate::bindings::exports::headwater::source::source as wit;
use crate::bindings::exports::headwater::source::types::Error as PluginFailure;
use crate::compute::{Compute, ComputeError};
use crate::config::Limits;
use crate::cpu_share::{CpuShare, CpuUse};
use crate::discovery;
use crate::egress::{BoundSecrets, Bounds, Gate, Grant, Transport};
use crate::failure::{Failure, Fault};
use crate::fair_slots::{Share, Slot};
use crate::low_priority;
use crate::manifest::{self, Described};
use crate::partition_pool::PartitionShare;
use crate::plugin::Plugin;
use crate::plugin_log::{LogBudget, PluginLog};
use crate::redact::Redactor;
use crate::sandbox::{self, Guest, Usage};
use crate::secret::Resolved;
use crate::session::{LARGEST_SESSION, Session, SessionSlot};
use crate::validation::{self, Verdict};

/// Bytes of bodies and rejected items in one batch. Large enough that a batch is worth its commit, small enough that
/// many sources can hold one at the same time.
const BATCH_BYTES: u64 = 8 << 20;

/// A call that failed after this time has waited for an upstream in vain: it counts as one that hung.
const HANGS: Duration = Duration::from_secs(5);
/// Bytes that a call may return which says what a plugin is, or whether it can work: texts for people.
const LARGEST_REPORT: usize = 4 << 20;
/// Bytes that a list of partitions may take.
const LARGEST_DISCOVERY: usize = 16 << 20;

/// Warnings of a connection test that are shown.
const MOST_WARNINGS: usize = 100;

/// Calls one source's plugin.
pub struct Caller {
    plugin: Arc<Plugin>,
    grant: Arc<Grant>,
    transport: Arc<dyn Transport>,
    limits: Limits,
    cpu: Arc<CpuShare>,
    session: SessionSlot,
    share: Share,
    compute: Compute,
    partitions: PartitionShare,
    log_budget: LogBudget,
}

/// What a call brought, and what it cost. The cost counts for failed calls, too.
#[derive(Debug)]
pub struct Called<T> {
    /// What the plugin returned, or why it did not.
    pub result: Result<T, Failure>,
    /// What it used.
    pub usage: Usage,
    /// From start to end.
    pub took: Duration,
    /// Removes the source's secrets, those of the session included.
    pub scrubber: Redactor,
    /// What the plugin wrote to stderr, until it is published.
    log: PluginLog,
    /// What requests logged in with.
    credentials: Vec<String>,
    /// Held for as long as what was returned is held here: slots bound that memory, too.
    slot: Slot,
}

/// A call in flight inside its store.
type Running<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

impl Caller {
    /// A caller of the plugin for one source.
    pub fn new(
        plugin: Arc<Plugin>,
        grant: Arc<Grant>,
        transport: Arc<dyn Transport>,
        limits: Limits,
    ) -> Self {
        Self {
            share: plugin.slots.share(limits.call_memory()),
            plugin,
            grant,
            transport,
            limits,
            cpu: Arc::new(CpuShare::new(limits.cpu)),
            session: SessionSlot::default(),
            compute: Compute::default(),
            partitions: PartitionShare::default(),
            log_budget: LogBudget::default(),
        }
    }

    /// Asks the plugin what it is.
    pub async fn describe(&self) -> Result<Described, Failure> {
        let (offline, no_secrets) = (Arc::default(), Redactor::default());
        let called = self
            .call(offline, BoundSecrets::default(), &no_secrets, |plugin, store| {
                Box::pin(async move {
                    returns_at_most(store, LARGEST_REPORT);
                    plugin.headwater_source_descriptor().call_describe(store).await
                })
            })
            .await;
        self.publish_log(&called).await;
        let manifest = called.result?;
        self.examined(move || manifest::judge(manifest)).await?
    }

    /// Has the plugin check its configuration, without a network, and compares what it needs with the grant.
    pub(crate) async fn validate(&self, config: &Resolved) -> Result<Verdict, Failure> {
        let offline = Arc::default();
        let json = config.json.clone();
        let called = self
            .call(
                offline,
                BoundSecrets::default(),
                &config.scrubber,
                move |plugin, store| {
                    Box::pin(async move {
                        returns_at_most(store, LARGEST_REPORT);
                        plugin.headwater_source_source().call_validate(store, &json).await
                    })
                },
            )
            .await;
        self.publish_log(&called).await;
        let (said, grant, redactor) = (called.result?, self.grant.clone(), called.scrubber);
        self.examined(move || validation::judge(said, &grant, &redactor))
            .await
    }

    /// Has the plugin find the partitions.
    pub async fn discover(&self, config: &Resolved) -> Called<Vec<wit::PartitionInfo>> {
        let json = config.json.clone();
        let take = |found: &mut wit::Discovery| found.session.take();
        let mut called = self
            .call_with_session(config, take, discovery::judge, move |plugin, store, session| {
                Box::pin(async move {
                    returns_at_most(store, LARGEST_DISCOVERY);
                    plugin
                        .headwater_source_source()
                        .call_discover(store, &json, session.as_ref())
                        .await
                })
            })
            .await;
        called.result = called.result.and_then(|found| {
            self.partitions.resize(found.len())?;
            Ok(found)
        });
        called
    }

    /// Has the plugin test a partition.
    pub async fn check(&self, config: &Resolved, partition: &str) -> Called<wit::Report> {
        let (json, partition) = (config.json.clone(), partition.to_owned());
        let take = |report: &mut wit::Report| report.session.take();
        self.call_with_session(config, take, clean_report, move |plugin, store, session| {
            Box::pin(async move {
                returns_at_most(store, LARGEST_REPORT);
                plugin
                    .headwater_source_source()
                    .call_check(store, &json, session.as_ref(), &partition)
                    .await
            })
        })
        .await
    }

    /// Has the plugin fetch the next batch of a partition.
    pub async fn poll(&self, config: &Resolved, partition: &str, cursor: Option<Vec<u8>>) -> Called<Batch> {
        let mut request = wit::Request {
            config: config.json.clone(),
            partition: partition.to_owned(),
            cursor,
            session: None,
            budget: wit::Budget {
                max_events: self.limits.batch_events,
                max_bytes: BATCH_BYTES,
                deadline: nanoseconds(self.limits.poll_timeout),
            },
        };
        let take = |batch: &mut wit::Batch| batch.session.take();
        let most = self.limits.batch_events;
        let judge = move |batch, redactor: &Redactor| {
            batch::check_size(&batch, most, BATCH_BYTES)?;
            Batch::check(batch, redactor)
        };
        self.call_with_session(config, take, judge, move |plugin, store, session| {
            Box::pin(async move {
                request.session = session;
                plugin.headwater_source_source().call_poll(store, &request).await
            })
        })
        .await
    }

    /// One call that takes and returns the session. What comes back is examined by `judge`, away from the workers.
    async fn call_with_session<T: Send + 'static, U: Send + 'static>(
        &self,
        config: &Resolved,
        take_session: fn(&mut T) -> Option<Vec<u8>>,
        judge: impl FnOnce(T, &Redactor) -> Result<U, Failure> + Send + 'static,
        function: impl for<'a> FnOnce(
            &'a LogSource,
            &'a mut Store<Guest>,
            Option<Vec<u8>>,
        ) -> Running<'a, Result<T, PluginFailure>>
        + Send
        + 'static,
    ) -> Called<U> {
        let turn = self.session.turn().await;
        let before = turn.session().cloned();
        let session = before.as_ref().map(|session| session.bytes().to_vec());
        let known = match &before {
            Some(session) => config.scrubber.and(session.redactor()),
            None => config.scrubber.clone(),
        };
        let called = self
            .call(
                self.grant.clone(),
                config.bound.clone(),
                &known,
                move |plugin, store| function(plugin, store, session),
            )
            .await;
        let Called {
            result,
            usage,
            took,
            log,
            credentials,
            slot,
            ..
        } = called;
        let (written, budget) = (log.clone(), self.log_budget.clone());
        let examine = move || {
            let (result, returned) = match result {
                Ok(Ok(mut value)) => {
                    let returned = take_session(&mut value);
                    (Ok(Ok(value)), returned)
                }
                Ok(Err(mut error)) => {
                    let returned = error.session.take();
                    (Ok(Err(error)), returned)
                }
                Err(failure) => (Err(failure), None),
            };
            // Before anything is done with it: everything below takes time in proportion to its size.
            let too_large = returned
                .as_ref()
                .is_some_and(|session| session.len() > LARGEST_SESSION);
            let returned = returned.filter(|_| !too_large).map(|bytes| match before {
                Some(before) if before.bytes() == bytes => before,
                _ => Arc::new(Session::new(bytes)),
            });
            let known = match &returned {
                Some(session) => known.and(session.redactor()),
                None => known,
            };
            let redactor = known.with_credentials(credentials);
            let result = match result {
                _ if too_large => Err(oversized_session()),
                Ok(Ok(value)) => judge(value, &redactor),
                Ok(Err(error)) => Err(Failure::from_plugin(error, &redactor)),
                Err(failure) => Err(failure),
            };
            let lines = written.take_lines(&redactor, &budget);
            (result, returned, redactor, lines)
        };
        let (result, returned, scrubber) = match self.compute.run(examine).await {
            Ok((result, returned, redactor, lines)) => {
                lines.publish();
                (result, returned, redactor)
            }
            Err(error) => (Err(unexamined(&error)), None, config.scrubber.clone()),
        };
        turn.finish(returned, result.is_ok());
        self.share.note(result.is_ok() || took < HANGS);
        Called {
            result,
            usage,
            took,
            scrubber,
            log,
            credentials: Vec::new(),
            slot,
        }
    }

    /// Does work over what this plugin returned on the threads for it, one piece at a time.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ComputeError> {
        self.compute.run(work).await
    }

    /// Examines what a call without a session returned, away from the workers.
    async fn examined<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.compute(work).await.map_err(|error| unexamined(&error))
    }

    /// Publishes what a call without a session wrote to stderr.
    async fn publish_log<T>(&self, called: &Called<T>) {
        let (log, redactor, budget) = (
            called.log.clone(),
            called.scrubber.clone(),
            self.log_budget.clone(),
        );
        if let Ok(lines) = self.compute.run(move || log.take_lines(&redactor, &budget)).await {
            lines.publish();
        }
    }

    /// One call: a fresh store, the plugin in it, and a time-out around everything.
    async fn call<T: Send + 'static>(
        &self,
        grant: Arc<Grant>,
        bound: BoundSecrets,
        scrubber: &Redactor,
        function: impl for<'a> FnOnce(&'a LogSource, &'a mut Store<Guest>) -> Running<'a, T> + Send + 'static,
    ) -> Called<T> {
        // Waiting here counts towards no time-out: it is not the plugin that is slow.
        let slot = self.share.slot().await;
        let started = Instant::now();
        let timeout = self.limits.poll_timeout;
        let bounds = Bounds {
            response: self.limits.response,
            end: tokio::time::Instant::now() + timeout,
        };
        let gate = Gate::new(grant, self.transport.clone(), bounds, bound);
        let mut store = sandbox::store(self.plugin.pre.engine(), &self.limits, gate, PluginLog::default());
        let (plugin, cpu) = (self.plugin.clone(), self.cpu.clone());
        let work = async move {
            let mut used = CpuUse::default();
            let outcome = {
                let store = &mut store;
                let call = async move {
                    let plugin = plugin.pre.instantiate_async(&mut *store).await?;
                    function(&plugin, store).await
                };
                tokio::time::timeout(timeout, cpu.meter(call, &mut used)).await
            };
            (outcome, store, used)
        };
        let (outcome, store, used) = low_priority::run(self.cpu.clone(), work).await;
        let result = match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(trap)) => Err(self.explain_trap(&trap, store.data(), scrubber)),
            Err(_) => Err(self.explain_timeout(used)),
        };
        Called {
            result,
            usage: store.data().usage(used),
            took: started.elapsed(),
            scrubber: scrubber.clone(),
            log: store.data().log().clone(),
            credentials: store.data().credentials(),
            slot,
        }
    }

    fn explain_trap(&self, trap: &wasmtime::Error, guest: &Guest, scrubber: &Redactor) -> Failure {
        debug!(backtrace = %scrubber.clean(&format!("{trap:#}")), "the plugin trapped");
        let reason = scrubber.clean(&trap.root_cause().to_string());
        let failure = Failure::host(
            Fault::Broken,
            "trap",
            format_args!("the plugin crashed: {reason}"),
        );
        if guest.was_refused_memory() {
            failure.with_hint("give it more with `limits.memory`, or less to do with `limits.batch_events`")
        } else if guest.was_refused_host_memory() {
            failure.with_hint(
                "it keeps more requests, fields or bodies than a source needs; report it to its author, or raise \
                 `limits.host_memory`",
            )
        } else {
            failure.with_hint("this is a defect of the plugin; report it with the log lines before this one")
        }
    }

    fn explain_timeout(&self, used: CpuUse) -> Failure {
        let timeout = humantime::format_duration(self.limits.poll_timeout);
        let failure = Failure::host(
            Fault::Broken,
            "timeout",
            format_args!("the plugin did not return within {timeout}"),
        );
        if used.held > self.limits.poll_timeout / 2 {
            failure.with_hint(
                "it waited for its share of the processor most of the time; raise `limits.cpu`, or give it less to do \
                 with `limits.batch_events`",
            )
        } else {
            failure.with_hint("the upstream may be slow; if this stays, raise `limits.poll_timeout`")
        }
    }
}

/// Lowers what may cross between plugin and host in one piece.
fn returns_at_most(store: &mut Store<Guest>, bytes: usize) {
    let allowed = store.hostcall_fuel().min(bytes);
    store.set_hostcall_fuel(allowed);
}

/// A report of a connection test, fit for people.
fn clean_report(report: wit::Report, redactor: &Redactor) -> Result<wit::Report, Failure> {
    let warnings = report.warnings.iter().take(MOST_WARNINGS);
    Ok(wit::Report {
        summary: redactor.clean(&report.summary),
        warnings: warnings.map(|warning| redactor.clean(warning)).collect(),
        session: None,
    })
}

fn unexamined(error: &ComputeError) -> Failure {
    let message = format_args!("what the plugin returned was not accepted: {error}");
    Failure::host(Fault::Broken, "examination", message)
}

fn oversized_session() -> Failure {
    let message =
        format!("the plugin returned a session of more than {LARGEST_SESSION} bytes; nothing was stored");
    Failure::host(Fault::Broken, "session", message)
        .with_hint("a session is for a token or two; this is a defect of the plugin, report it to its author")
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Caller")
            .field("plugin", &self.plugin)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
