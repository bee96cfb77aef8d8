//! Sources on their way: each is made ready by a task of its own, and tried again until it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span};

use headwater::model::{Failure, Fault};
use headwater::monitor::Monitor;
use headwater::reading::{Backoff, Outage};

use super::Mode;
use crate::config::{RefusedSource, SourceConfig};
use crate::loading::{LoadError, Loader, Loading, Ready};

/// How long to wait before a source is tried again whose start failed, at first.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// And at most: where a look at a file or a variable is all, and where a plugin is compiled or called.
const LONGEST_CHEAP_DELAY: Duration = Duration::from_secs(30);
const LONGEST_DELAY: Duration = Duration::from_secs(10 * 60);

/// The sources of a configuration while they are made ready.
#[derive(Debug)]
pub struct Loads {
    loader: Arc<Loader>,
    mode: Mode,
    monitor: Monitor,
    stop: CancellationToken,
    /// Has sources tried again at once that wait for their next try.
    again: Arc<Notify>,
    // Ended with this.
    tasks: JoinSet<()>,
    sender: mpsc::UnboundedSender<Outcome>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// What stops each source, on its way and later.
    stops: HashMap<String, CancellationToken>,
    /// Sources whose first try is not over.
    pending: usize,
    /// Sources on their way.
    open: usize,
    /// How many there were at first, those aside that were refused.
    pub(super) count: usize,
    pub(super) ready: Vec<(Ready, CancellationToken)>,
    /// First tries that failed.
    pub(super) failed: Vec<(String, LoadError)>,
}

/// What became of a try: of the first one of each source, and of the last one.
struct Outcome {
    source: String,
    is_first: bool,
    is_last: bool,
    what: Tried,
}

enum Tried {
    Ready(Box<Ready>, CancellationToken),
    Failed(LoadError),
    /// Nobody wants the source any more.
    Stopped,
}

impl Loads {
    /// Begins to make all sources ready. Those that are refused are reported and left alone.
    pub fn begin(
        configs: &[Arc<SourceConfig>],
        refused: &[RefusedSource],
        loader: Arc<Loader>,
        mode: Mode,
        monitor: &Monitor,
        stop: &CancellationToken,
    ) -> Self {
        let failed = refused.iter().map(|RefusedSource { name, problems }| {
            let error = LoadError::of_config(problems.clone());
            let failure = Failure::host(Fault::InvalidConfig, "config", &error)
                .with_hint("correct the configuration and reload it (SIGHUP), or restart");
            monitor.stopped(name, &failure);
            let _span = error_span!("source", id = name).entered();
            Outage::default().failed(&failure, "the source is stopped", None);
            (name.clone(), error)
        });
        let failed = failed.collect();
        let (sender, outcomes) = mpsc::unbounded_channel();
        let mut loads = Self {
            loader,
            mode,
            monitor: monitor.clone(),
            stop: stop.clone(),
            again: Arc::default(),
            tasks: JoinSet::new(),
            sender,
            outcomes,
            stops: HashMap::new(),
            pending: 0,
            open: 0,
            count: configs.len(),
            ready: Vec::new(),
            failed,
        };
        configs.iter().for_each(|config| loads.add(config.clone()));
        loads
    }

    /// Begins to make one more source ready.
    pub(super) fn add(&mut self, config: Arc<SourceConfig>) {
        let span = error_span!("source", id = config.name);
        self.monitor.expect(&config.name);
        let stop = self.stop.child_token();
        self.stops.insert(config.name.clone(), stop.clone());
        let task = Task {
            loader: self.loader.clone(),
            mode: self.mode,
            monitor: self.monitor.clone(),
            stop,
            again: self.again.clone(),
            sender: self.sender.clone(),
        };
        self.pending += 1;
        self.open += 1;
        // Those that have ended, so that they are not kept.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task.load(Loading::new(config)).instrument(span));
    }

    /// Stops a source, wherever it has come to: it is not begun any more, or finishes its batch.
    pub(super) fn stop(&mut self, source: &str) {
        if let Some(stop) = self.stops.remove(source) {
            stop.cancel();
        }
    }

    /// Tries those again at once that could not be started.
    pub(super) fn try_again(&self) {
        self.again.notify_waiters();
    }

    /// Whether any source is on its way.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Waits until a source is ready, or all first tries are over. Returns whether there is one.
    pub async fn any_ready(&mut self) -> bool {
        while self.ready.is_empty() && self.pending > 0 {
            self.note_next().await;
        }
        !self.ready.is_empty()
    }

    /// Waits until the first try of each source is over. Returns whether all worked.
    pub async fn all_ready(&mut self) -> bool {
        while self.pending > 0 {
            self.note_next().await;
        }
        self.failed.is_empty() && self.pending == 0
    }

    /// The problems of first tries that failed, one a line, and whether waiting may help against all of them.
    pub fn problems(&self) -> (String, bool) {
        let lines = self.failed.iter().flat_map(|(source, error)| error.lines(source));
        let may_pass = self.failed.iter().all(|(_, error)| error.may_pass);
        (lines.collect::<Vec<_>>().join("\n  "), may_pass)
    }

    /// Waits for the next outcome and notes it.
    pub(super) async fn note_next(&mut self) {
        // Never closed: one sender is in here.
        let Some(outcome) = self.outcomes.recv().await else {
            return;
        };
        self.pending -= usize::from(outcome.is_first);
        self.open -= usize::from(outcome.is_last);
        match outcome.what {
            Tried::Ready(ready, stop) => {
                // It may have been stopped after it was ready.
                if !stop.is_cancelled() {
                    self.ready.push((*ready, stop));
                }
            }
            Tried::Failed(error) => self.failed.push((outcome.source, error)),
            Tried::Stopped => {}
        }
    }
}

/// Makes one source ready.
struct Task {
    loader: Arc<Loader>,
    mode: Mode,
    monitor: Monitor,
    stop: CancellationToken,
    again: Arc<Notify>,
    sender: mpsc::UnboundedSender<Outcome>,
}

impl Task {
    async fn load(self, mut loading: Loading) {
        let source = loading.config().name.clone();
        let mut backoff = Backoff::default();
        let mut outage = Outage::default();
        let mut is_first = true;
        loop {
            let result = tokio::select! {
                result = self.loader.ready(&mut loading) => result,
                () = self.stop.cancelled() => return self.tell(&source, is_first, Tried::Stopped, true),
            };
            let error = result.as_ref().err().cloned();
            let next = error
                .as_ref()
                .filter(|_| self.mode == Mode::Forever)
                .map(|error| {
                    let longest = if error.is_cheap {
                        LONGEST_CHEAP_DELAY
                    } else {
                        LONGEST_DELAY
                    };
                    backoff.delay_between(FIRST_DELAY, longest)
                });
            match &error {
                Some(error) => {
                    let failure = error.to_failure();
                    self.monitor.stopped(&source, &failure);
                    outage.failed(&failure, "the source is stopped", next);
                }
                None => {
                    self.monitor.expect(&source);
                    outage.over();
                }
            }
            match result {
                Ok(ready) => {
                    let ready = Tried::Ready(Box::new(ready), self.stop.clone());
                    return self.tell(&source, is_first, ready, true);
                }
                Err(error) if is_first => self.tell(&source, true, Tried::Failed(error), next.is_none()),
                Err(_) => {}
            }
            is_first = false;
            let Some(next) = next else { return };
            tokio::select! {
                () = self.stop.cancelled() => return self.tell(&source, false, Tried::Stopped, true),
                () = tokio::time::sleep(next) => {}
                () = self.again.notified() => {}
            }
        }
    }

    fn tell(&self, source: &str, is_first: bool, what: Tried, is_last: bool) {
        // Nobody waits for it when the process ends.
        let _ = self.sender.send(Outcome {
            source: source.to_owned(),
            is_first,
            is_last,
            what,
        });
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outcome")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
