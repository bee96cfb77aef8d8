//! `headwater run`: poll all sources.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use headwater::Host;
use headwater::cursor::state_file::{State, StateError};
use headwater::monitor::{self, Monitor};
use headwater::work::core_dump;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::Exit;
use super::ending::end;
#[cfg(feature = "postgres")]
use super::shared_run::SharedRun;
use crate::config::Config;
use crate::dead_letter_watch::DeadLetterWatch;
use crate::late_state::{self, Opened};
use crate::loading::Loader;
use crate::progress::Progress;
use crate::run::{self, Loads, Mode, Reloader, RunObserver};
use crate::state_watch;
use crate::{signal, stderr};

/// Polls until asked to stop, or until every partition has caught up. `strict` refuses to begin unless every source works.
pub(super) async fn run(path: &Path, mode: Mode, strict: bool, progress: Progress) -> Result<ExitCode, Exit> {
    let stop = CancellationToken::new();
    let reload = Arc::new(Notify::new());
    let grace_over = signal::handle(stop.clone(), reload.clone())
        .map_err(|error| Exit::failed(format_args!("cannot handle signals: {error}")))?;
    let config = Config::load(path).map_err(Exit::misused)?;
    let monitor = Monitor::with_dropped_lines(stderr::dropped);
    let (slot, store) = late_state::channel();
    let host = Host::builder()
        .cursors(store)
        .observer(RunObserver {
            progress,
            monitor: monitor.clone(),
        })
        .compile(config.compile.clone())
        .memory(config.memory)
        .build()
        .map_err(Exit::failed)?;
    if config.metrics_by_source {
        monitor.show_sources_only();
    }
    let calls = host.clone();
    monitor.show_calls(move || calls.call_usage());
    info!(
        bytes = config.memory,
        "calls into plugins may take so much memory together; `[limits] memory` changes it"
    );
    core_dump::hide_memory();
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
        let hosts = config.listen_hosts.clone();
        monitor::serve(address, hosts, monitor.clone())
            .await
            .map_err(problem)?;
    }
    let loader = Arc::new(Loader::new(host));
    #[cfg(feature = "postgres")]
    if let Some(database) = config.database.clone() {
        let shared = SharedRun {
            config,
            database,
            mode,
            strict,
            monitor,
            loader,
            stop,
            slot,
            path: path.to_owned(),
            reload,
        };
        return shared.run(grace_over).await;
    }
    let mut loads = Loads::begin(
        &config.sources,
        &config.refused,
        loader.clone(),
        mode,
        &monitor,
        &stop,
    );
    let usable = async {
        if strict {
            loads.all_ready().await
        } else {
            loads.any_ready().await
        }
    };
    let usable = tokio::select! {
        usable = usable => usable,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    if !usable {
        return Err(Exit::unusable(loads.problems()));
    }
    // The state file is created only for a configuration that works.
    let state = State::open(&config.state).map_err(unusable_state)?;
    let _watch = state_watch::watch(&state, monitor.clone());
    slot.fill(Opened::File(state));
    let (changes, incoming) = mpsc::channel(1);
    let letters = DeadLetterWatch::start(&config, monitor.clone());
    let reloader = Reloader {
        path: path.to_owned(),
        letters,
        current: Arc::new(config),
        loader,
        monitor: monitor.clone(),
        wanted: reload,
        changes,
    };
    // Who reads once is done before anything could be different.
    let _reloading = (mode == Mode::Forever).then(|| AbortOnDropHandle::new(tokio::spawn(reloader.run())));
    let polling = run::run(loads, mode, &monitor, &stop, incoming, None);
    Ok(end(polling, grace_over).await)
}

/// What is wrong with the state. Only `state list` opens what is damaged.
fn unusable_state(error: StateError) -> Exit {
    match error {
        StateError::Damaged { .. } => Exit::misused(format_args!(
            "{error}; `headwater state list` shows what can still be read of it"
        )),
        error => Exit::misused(error),
    }
}
