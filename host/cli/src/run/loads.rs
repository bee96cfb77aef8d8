//! Sources on their way: each is made ready by a task of its own, and tried again until it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
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
    // Ended with this.
    _tasks: JoinSet<()>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// Sources whose first try is not over.
    pending: usize,
    /// How many there are, those aside that were refused.
    pub(super) count: usize,
    pub(super) ready: Vec<Ready>,
    /// First tries that failed.
    pub(super) failed: Vec<(String, LoadError)>,
}

/// What became of a try: of the first one of each source, and of the one that worked.
struct Outcome {
    source: String,
    is_first: bool,
    result: Result<Ready, LoadError>,
}

impl Loads {
    /// Begins to make all sources ready. Those that are refused are reported and left alone.
    pub fn begin(
        configs: Vec<SourceConfig>,
        refused: Vec<RefusedSource>,
        loader: Loader,
        mode: Mode,
        monitor: &Monitor,
        stop: &CancellationToken,
    ) -> Self {
        let failed = refused.into_iter().map(|refused| {
            let error = LoadError::of_plugin(refused.problems);
            let failure = Failure::host(Fault::InvalidConfig, "config", &error)
                .with_hint("correct the configuration and restart");
            monitor.stopped(&refused.name, &failure);
            let _span = error_span!("source", id = refused.name).entered();
            Outage::default().failed(&failure, "the source is stopped", None);
            (refused.name, error)
        });
        let failed = failed.collect();
        let count = configs.len();
        let loader = Arc::new(loader);
        let (sender, outcomes) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for config in configs {
            let span = error_span!("source", id = config.name);
            monitor.expect(&config.name);
            let task = Task {
                loader: loader.clone(),
                mode,
                monitor: monitor.clone(),
                stop: stop.clone(),
                sender: sender.clone(),
            };
            tasks.spawn(task.load(Loading::new(config)).instrument(span));
        }
        Self {
            _tasks: tasks,
            outcomes,
            pending: count,
            count,
            ready: Vec::new(),
            failed,
        }
    }

    /// Waits until a source is ready, or all first tries are over. Returns whether there is one.
    pub async fn any_ready(&mut self) -> bool {
        while self.ready.is_empty() && self.pending > 0 && self.note_next().await {}
        !self.ready.is_empty()
    }

    /// Waits until the first try of each source is over. Returns whether all worked.
    pub async fn all_ready(&mut self) -> bool {
        while self.pending > 0 && self.note_next().await {}
        self.failed.is_empty() && self.pending == 0
    }

    /// The problems of first tries that failed, one a line, and whether waiting may help against all of them.
    pub fn problems(&self) -> (String, bool) {
        let lines = self.failed.iter().flat_map(|(source, error)| error.lines(source));
        let may_pass = self.failed.iter().all(|(_, error)| error.may_pass);
        (lines.collect::<Vec<_>>().join("\n  "), may_pass)
    }

    /// Notes the next outcome; false when there will be none.
    pub(super) async fn note_next(&mut self) -> bool {
        let Some(outcome) = self.outcomes.recv().await else {
            return false;
        };
        self.pending -= usize::from(outcome.is_first);
        match outcome.result {
            Ok(ready) => self.ready.push(ready),
            Err(error) => self.failed.push((outcome.source, error)),
        }
        true
    }
}

/// Makes one source ready.
struct Task {
    loader: Arc<Loader>,
    mode: Mode,
    monitor: Monitor,
    stop: CancellationToken,
    sender: mpsc::UnboundedSender<Outcome>,
}

impl Task {
    async fn load(self, mut loading: Loading) {
        let source = loading.config().name.clone();
        let mut backoff = Backoff::default();
        let mut outage = Outage::default();
        let mut is_first = true;
        loop {
            let result = self.loader.ready(&mut loading).await;
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
            if is_first || error.is_none() {
                // Nobody waits for it when the process ends.
                let source = source.clone();
                let _ = self.sender.send(Outcome {
                    source,
                    is_first,
                    result,
                });
            }
            is_first = false;
            let Some(next) = next else { return };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
            }
        }
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
