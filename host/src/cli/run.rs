//! `headwater run`: poll all sources.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::{Exit, FAILED, plugins};
use crate::config::{Config, SourceConfig};
use crate::dead_letter::DeadLetters;
use crate::load::{self, LoadError};
use crate::monitor::{self, Monitor};
use crate::progress::Progress;
use crate::scheduler::{self, Mode, Summary, Watchers};
use crate::sink::{OpenError, Sinks};
use crate::source::{Outlets, Source};
use crate::state::State;
use crate::{core_dump, shutdown, signal};

/// Polls until asked to stop, or until every partition has caught up.
pub(super) async fn run(path: &Path, mode: Mode, progress: Progress) -> Result<ExitCode, Exit> {
    let (trigger, shutdown) = shutdown::channel();
    let grace_over = signal::handle(trigger)
        .map_err(|error| Exit::failed(format_args!("cannot handle signals: {error}")))?;
    let config = Config::load(path).map_err(Exit::misused)?;
    probe_outlets(&config.sources)?;
    let configs = config.sources.clone();
    let sources = load(config.sources).await?;
    core_dump::hide_memory();
    let monitor = Monitor::default();
    if let Some(address) = config.listen {
        if !address.ip().is_loopback() {
            warn!(
                %address,
                "anybody who reaches this address can read the names of sources and partitions and their errors; \
                 use a loopback address in `listen.address`, or allow only those who should read them by a firewall"
            );
        }
        let problem = |error| {
            Exit::misused(format_args!(
                "cannot listen on {address}: {error}; change or remove `listen.address`"
            ))
        };
        monitor::serve(address, monitor.clone()).await.map_err(problem)?;
    }
    // Files come into being only for a configuration that works.
    let state = State::open(&config.state).map_err(Exit::misused)?;
    let outlets = open_outlets(&configs)?;
    let sources = sources.into_iter().map(Arc::new).zip(outlets).collect();
    let polling = scheduler::run(sources, state, mode, Watchers { progress, monitor }, shutdown);
    let summary = tokio::select! {
        summary = polling => summary,
        () = grace_over => {
            warn!("stopped before every poll had ended; nothing is lost, unfinished batches are fetched again");
            return Ok(ExitCode::SUCCESS);
        }
    };
    Ok(conclude(&summary))
}

/// Says what a run came to.
fn conclude(summary: &Summary) -> ExitCode {
    let totals = &summary.totals;
    info!(
        events = totals.events,
        rejected = totals.rejected,
        refused = totals.refused,
        dropped = totals.dropped,
        duplicates = totals.duplicates,
        requests = totals.requests,
        partitions = summary.partitions,
        failed = summary.failed.len(),
        "done"
    );
    for (source, partition, failure) in &summary.failed {
        error!(source, partition, "failed: {failure}");
    }
    // What a sink refused is in the dead-letter file, and somebody should look at it.
    if summary.failed.is_empty() && totals.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// Checks that events and dead letters will have a place, before anything is polled.
pub(super) fn probe_outlets(configs: &[SourceConfig]) -> Result<(), Exit> {
    let mut problems = Vec::new();
    for config in configs {
        let name = &config.name;
        if let Err(error) = Sinks::probe(&config.sink) {
            problems.push(format!("source \"{name}\": {error}"));
        }
        if let Err(error) = DeadLetters::new(name, config.dead_letter.clone()).probe() {
            problems.push(format!(
                "source \"{name}\": cannot keep rejected items in {error}; check `dead_letter`"
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Exit::misused(problems.join("\n  ")))
    }
}

/// Opens all sinks.
fn open_outlets(configs: &[SourceConfig]) -> Result<Vec<Outlets>, Exit> {
    let mut sinks = Sinks::default();
    let open = |config: &SourceConfig| {
        Ok(Outlets {
            sink: sinks.open(&config.sink)?,
            dead_letters: DeadLetters::new(&config.name, config.dead_letter.clone()),
        })
    };
    configs
        .iter()
        .map(open)
        .collect::<Result<_, OpenError>>()
        .map_err(Exit::misused)
}

pub(super) async fn load(configs: Vec<SourceConfig>) -> Result<Vec<Source>, Exit> {
    let loaded = load::sources(configs, &plugins()?).await;
    loaded.map_err(|error| match error {
        LoadError::Misconfigured(problems) => Exit::misused(problems),
        LoadError::Unavailable(problems) => Exit::failed(problems),
    })
}
