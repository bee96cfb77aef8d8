//! A source's way into its plugin: each call in a fresh instance, with the source's session, and what comes back examined.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::call_error::CallError;
use super::fetched::{self, Fetched};
use super::instance::{Finished, Instance, Surroundings};
use super::partition_pool::PartitionShare;
use super::raw::{self, Session, SessionChange, WithSession};
use super::session::{KnownSession, LARGEST_SESSION, Outcome, SessionSlot, Turn};
use super::validation::{self, Validation};
use super::{discovery, fault, manifest, measures};
use crate::egress::{BoundSecrets, Grant, NoNetwork, Transport};
use crate::model::{Failure, Fault, Limits, Manifest, Measure, PartitionInfo, Report};
use crate::plugin::CompiledPlugin;
use crate::redact::Redactor;
use crate::sandbox::Usage;
use crate::sandbox::plugin_log::{LogBudget, PluginLog};
use crate::secret::Resolved;
use crate::work::compute::{self, Compute, ComputeError};
use crate::work::cpu_share::{Call, CpuShare};
use crate::work::fair_slots::{Share, Slot};
use crate::work::low_priority;

/// Bytes of bodies and rejected items in one batch. Large enough that a batch is worth its commit, small enough that
/// many sources can hold one at the same time.
const BATCH_BYTES: u64 = 8 << 20;
/// Events of the first batch of a source that begins together with many others: little to compute, so that it is soon known.
const HURRIED_BATCH: u32 = 100;
/// A call that failed after this time has waited for an upstream in vain: it counts as one that hung.
const HANGS: Duration = Duration::from_secs(5);
/// A plugin is told a deadline that is so much of its time-out earlier, and no more than that: one that keeps its deadline is never
/// interrupted on the way out.
const MARGIN_PART: u32 = 10;
const LONGEST_MARGIN: Duration = Duration::from_secs(2);
/// The longest deadline of a call that somebody waits for: a discovery, a connection test.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// Warnings of a connection test that are shown.
const MOST_WARNINGS: usize = 100;

/// Calls one source's plugin.
pub(crate) struct ComponentClient {
    plugin: Arc<CompiledPlugin>,
    grant: Arc<Grant>,
    transport: Arc<dyn Transport>,
    limits: Limits,
    cpu: Arc<CpuShare>,
    session: SessionSlot,
    share: Arc<Share>,
    compute: Compute,
    partitions: PartitionShare,
    log_budget: LogBudget,
}

/// What a call brought, and what it cost. The cost counts for failed calls, too.
#[derive(Debug)]
pub(crate) struct CallResult<T> {
    /// What the plugin returned, or why it did not.
    pub(crate) result: Result<T, Failure>,
    /// What the plugin counted in a call that it ended with an error.
    pub(crate) measures: Vec<Measure>,
    /// What it used.
    pub(crate) usage: Usage,
    /// From start to end.
    pub(crate) took: Duration,
    /// Removes the source's secrets, those of the session included.
    pub(crate) redactor: Redactor,
    /// To be kept for as long as what was returned is not accounted for: slots bound that memory, too.
    pub(crate) slot: Option<Slot>,
}

impl ComponentClient {
    /// A client of the plugin for one source.
    pub(crate) fn new(
        plugin: Arc<CompiledPlugin>,
        grant: Arc<Grant>,
        transport: Arc<dyn Transport>,
        limits: Limits,
    ) -> Self {
        Self {
            share: Arc::new(plugin.slots.share(limits.call_memory())),
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

    /// A client that may reach nothing.
    pub(crate) fn without_network(plugin: Arc<CompiledPlugin>, limits: Limits) -> Self {
        Self::new(plugin, Arc::new(Grant::default()), Arc::new(NoNetwork), limits)
    }

    /// The source's bounds.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The time that a call is told to take.
    fn deadline(&self) -> Duration {
        let timeout = self.limits.poll_timeout;
        timeout - (timeout / MARGIN_PART).min(LONGEST_MARGIN)
    }

    /// The source's access to the threads that compute: one piece of work at a time, whoever has it done.
    pub(crate) fn compute(&self) -> Compute {
        self.compute.clone()
    }

    /// Asks the plugin what it is.
    pub(crate) async fn describe(&self) -> Result<Manifest, Failure> {
        let mut instance = self.instance(Arc::default(), BoundSecrets::default());
        let described = async move { (instance.describe().await, instance.finish()) };
        let (described, finished) = low_priority::run(self.call(), described).await;
        self.offline(finished, described, Redactor::default(), |described, _| {
            manifest::judge_manifest(described)
        })
        .await
    }

    /// Has the plugin check its configuration, without a network, and compares what it needs with the grant.
    pub(crate) async fn validate(&self, config: &Resolved) -> Result<Validation, Failure> {
        let mut instance = self.instance(Arc::default(), BoundSecrets::default());
        let json = config.json.clone();
        let said = async move { (instance.validate(&json).await, instance.finish()) };
        let (said, finished) = low_priority::run(self.call(), said).await;
        let grant = self.grant.clone();
        self.offline(finished, said, config.redactor.clone(), move |said, redactor| {
            Ok(validation::judge(said, &grant, redactor))
        })
        .await
    }

    /// Has the plugin find the partitions.
    pub(crate) async fn discover(&self, config: &Resolved) -> CallResult<Vec<PartitionInfo>> {
        let turn = self.session.turn().await;
        let mut instance = self.instance(self.grant.clone(), config.bound.clone());
        let (json, session) = (config.json.clone(), session_of(&turn).cloned());
        let deadline = self.deadline().min(LONGEST_LOOK);
        let found = async move {
            (
                instance.discover(&json, session.as_ref(), deadline).await,
                instance.finish(),
            )
        };
        let (found, finished) = low_priority::run(self.call(), found).await;
        let mut discovered = self.online(turn, finished, config, found, discovery::judge).await;
        discovered.result = discovered.result.and_then(|found| {
            self.partitions.resize(&found)?;
            Ok(found)
        });
        discovered
    }

    /// Has the plugin test a partition.
    pub(crate) async fn check(&self, config: &Resolved, partition: &str) -> CallResult<Report> {
        let turn = self.session.turn().await;
        let mut instance = self.instance(self.grant.clone(), config.bound.clone());
        let (json, partition) = (config.json.clone(), partition.to_owned());
        let session = session_of(&turn).cloned();
        let deadline = self.deadline().min(LONGEST_LOOK);
        let report = async move {
            let checked = instance.check(&json, session.as_ref(), &partition, deadline);
            (checked.await, instance.finish())
        };
        let (report, finished) = low_priority::run(self.call(), report).await;
        self.online(turn, finished, config, report, clean_report).await
    }

    /// Has the plugin fetch the next batch of a partition.
    pub(crate) async fn poll(
        &self,
        config: &Resolved,
        partition: &str,
        cursor: Option<Vec<u8>>,
    ) -> CallResult<Fetched> {
        let turn = self.session.turn().await;
        let mut instance = self.instance(self.grant.clone(), config.bound.clone());
        let call = self.call();
        let most = self.limits.batch_events;
        let wanted = if call.is_hurried() {
            most.min(HURRIED_BATCH)
        } else {
            most
        };
        let request = raw::Request {
            config: config.json.clone(),
            partition: partition.to_owned(),
            cursor,
            session: session_of(&turn).cloned(),
            budget: raw::Budget {
                max_events: wanted,
                max_bytes: BATCH_BYTES,
                deadline: self.deadline(),
            },
        };
        let polled = async move { (instance.poll(request).await, instance.finish()) };
        let (polled, finished) = low_priority::run(call, polled).await;
        if polled.is_ok() {
            self.cpu.note_good_poll();
        }
        // A plugin that brings more than a hurried call asks for is not at fault for that.
        let judge = move |batch: raw::Batch, redactor: &Redactor| {
            fetched::check_size(&batch, most, BATCH_BYTES)?;
            Fetched::check(batch, redactor)
        };
        self.online(turn, finished, config, polled, judge).await
    }

    fn call(&self) -> Call {
        Call::begin(self.cpu.clone())
    }

    fn instance(&self, grant: Arc<Grant>, secrets: BoundSecrets) -> Instance {
        let surroundings = Surroundings {
            transport: self.transport.clone(),
            grant,
            secrets,
            limits: self.limits,
            now: None,
        };
        Instance::new(
            self.plugin.clone(),
            surroundings,
            self.cpu.clone(),
            self.share.clone(),
        )
    }

    /// Ends a call without a session. What came back is examined by `judge`.
    async fn offline<T: Send + 'static, U: Send + 'static>(
        &self,
        finished: Finished,
        returned: Result<T, CallError>,
        redactor: Redactor,
        judge: impl FnOnce(T, &Redactor) -> Result<U, Failure> + Send + 'static,
    ) -> Result<U, Failure> {
        let Finished { log, slot: _slot, .. } = finished;
        let returned = returned.map_err(|error| error.explain(&redactor));
        let examine = move || {
            let judged = returned.and_then(|value| judge(value, &redactor));
            (judged, redactor)
        };
        self.examine(log, false, examine).await?.0
    }

    /// Ends a call that takes and returns the session. What came back is examined by `judge`.
    async fn online<T: WithSession + Send + 'static, U: Send + 'static>(
        &self,
        turn: Turn<'_>,
        finished: Finished,
        config: &Resolved,
        returned: Result<Result<T, raw::Error>, CallError>,
        judge: impl FnOnce(T, &Redactor) -> Result<U, Failure> + Send + 'static,
    ) -> CallResult<U> {
        let Finished {
            usage,
            took,
            log,
            credentials,
            slot,
        } = finished;
        if let Err(CallError::Crashed { .. }) = returned {
            self.cpu.note_crash();
        }
        let before = turn.session().cloned();
        let known = match &before {
            Some(session) => config.redactor.and(session.redactor()),
            None => config.redactor.clone(),
        };
        let returned = returned.map_err(|error| error.explain(&known));
        let (returned, change) = split_session(returned);
        let old = before.as_ref().map(|before| before.session());
        let is_new_session = change.session().is_some_and(|session| old != Some(session));
        let is_little = !is_new_session && matches!(&returned, Ok(Ok(value)) if value.is_little());
        let examine = move || {
            let session = match change {
                SessionChange::Keep => Outcome::Keep,
                SessionChange::Drop => Outcome::Drop,
                SessionChange::Replace(session) => Outcome::Replace(match before {
                    Some(before) if *before.session() == session => before,
                    _ => Arc::new(KnownSession::new(session)),
                }),
            };
            let known = match &session {
                Outcome::Replace(session) => known.and(session.redactor()),
                Outcome::Keep | Outcome::Drop => known,
            };
            let redactor = known.with_credentials(credentials);
            let (judged, counted) = match returned {
                Ok(Ok(value)) => (judge(value, &redactor), Vec::new()),
                Ok(Err(mut error)) => {
                    let counted = std::mem::take(&mut error.measures);
                    // Why the call failed counts more than what is wrong with its numbers.
                    let counted = measures::check(counted, &redactor).unwrap_or_default();
                    (Err(fault::judge(error, &redactor)), counted)
                }
                Err(failure) => (Err(failure), Vec::new()),
            };
            ((judged, counted, session), redactor)
        };
        let (result, measures, session, redactor) = match self.examine(log, is_little, examine).await {
            Ok(((judged, counted, session), redactor)) => (judged, counted, session, redactor),
            Err(failure) => (Err(failure), Vec::new(), Outcome::Keep, config.redactor.clone()),
        };
        turn.finish(session, result.is_ok());
        self.share.note(result.is_ok() || took < HANGS);
        CallResult {
            result,
            measures,
            usage,
            took,
            redactor,
            slot,
        }
    }

    /// Examines what a call brought, away from the workers unless it is little, and publishes what it wrote to stderr, without the
    /// secrets that the examination knows.
    async fn examine<T: Send + 'static>(
        &self,
        log: PluginLog,
        is_little: bool,
        work: impl FnOnce() -> (T, Redactor) + Send + 'static,
    ) -> Result<(T, Redactor), Failure> {
        let budget = self.log_budget.clone();
        let is_little = is_little && log.is_empty();
        let work = move || {
            let (judged, redactor) = work();
            let lines = log.take_lines(&redactor, &budget);
            (judged, redactor, lines)
        };
        let examined = match is_little {
            true => compute::here(work),
            false => self.compute.run(work).await,
        };
        let (judged, redactor, lines) = examined.map_err(|error| unexamined(&error))?;
        lines.publish();
        Ok((judged, redactor))
    }
}

fn session_of<'a>(turn: &'a Turn<'_>) -> Option<&'a Session> {
    turn.session().map(|known| known.session())
}

/// What a call returned, and what it makes of the session apart from it. A session that is too large makes the call fail before anything is
/// done with it, since everything takes time in proportion to its size.
fn split_session<T: WithSession>(
    mut returned: Result<Result<T, raw::Error>, Failure>,
) -> (Result<Result<T, raw::Error>, Failure>, SessionChange) {
    let change = match &mut returned {
        Ok(Ok(value)) => value.take_session(),
        Ok(Err(error)) => error.take_session(),
        Err(_) => SessionChange::Keep,
    };
    match change.session() {
        Some(session) if session.as_bytes().len() > LARGEST_SESSION => {
            (Err(oversized_session()), SessionChange::Keep)
        }
        _ => (returned, change),
    }
}

/// A report of a connection test, fit for people.
fn clean_report(report: raw::Report, redactor: &Redactor) -> Result<Report, Failure> {
    let warnings = report.warnings.iter().take(MOST_WARNINGS);
    Ok(Report {
        summary: redactor.clean(&report.summary),
        warnings: warnings.map(|warning| redactor.clean(warning)).collect(),
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

impl fmt::Debug for ComponentClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ComponentClient")
            .field("plugin", &self.plugin)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
