//! `headwater run` where several hosts share the sources over a database.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use headwater::monitor::Monitor;
use headwater::sink::{LetterTable, SinkConfig};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::Exit;
use super::ending::end;
use crate::claims::{self, Claims};
use crate::config::{Config, DatabaseConfig, DeadLetterPlace, PluginPlace};
use crate::dead_letter_watch::DeadLetterWatch;
use crate::late_state::{Opened, Slot};
use crate::loading::Loader;
use crate::run::{self, Loads, Mode, Reloader};

/// Changes that are on their way from the claims to the reading.
const CHANGES: usize = 64;

/// A host among others.
pub(super) struct SharedRun {
    pub(super) config: Config,
    pub(super) database: DatabaseConfig,
    pub(super) mode: Mode,
    pub(super) strict: bool,
    pub(super) monitor: Monitor,
    pub(super) loader: Arc<Loader>,
    pub(super) stop: CancellationToken,
    pub(super) slot: Slot,
    pub(super) path: PathBuf,
    pub(super) reload: Arc<Notify>,
}

impl SharedRun {
    /// Reads what it claims, until it is stopped or, once, until that has caught up.
    pub(super) async fn run(self, grace_over: impl Future<Output = ()>) -> Result<ExitCode, Exit> {
        let Self {
            config,
            database,
            mode,
            strict,
            monitor,
            loader,
            stop,
            slot,
            path,
            reload,
        } = self;
        if strict {
            require_all(&config, &loader).await?;
        }
        let Some(store) = claims::open(&database, mode, &stop)
            .await
            .map_err(Exit::database)?
        else {
            return Ok(ExitCode::SUCCESS);
        };
        info!(
            database = store.place(),
            cluster = store.cluster(),
            "joins the hosts that share these sources"
        );
        name_own_files(&config);
        slot.fill(Opened::Database(store.clone()));
        let table = LetterTable::new(store.clone());
        loader.keep_letters_in(table.clone());
        let (sender, incoming) = mpsc::channel(CHANGES);
        let (mut claims, arbiter) = Claims::join(&store, &config, &database, sender);
        claims::show(&store, &claims, &monitor);
        let (leave, standing) = (claims.leave(), claims.standing());
        let first = match mode {
            Mode::Forever => Vec::new(),
            Mode::Once => tokio::select! {
                first = claims.first() => first,
                () = stop.cancelled() => Vec::new(),
            },
        };
        let loads = Loads::begin(&first, &config.refused, loader.clone(), mode, &monitor, &stop);
        // Who reads once reads what was free at the beginning, and then gives it back as a whole.
        let arbiter = (mode == Mode::Forever).then_some(arbiter);
        let (reloads, reloaded) = mpsc::channel(1);
        let letters = DeadLetterWatch::start(&config, monitor.clone());
        letters.count_in(table, standing, monitor.clone());
        let reloader = Reloader {
            path,
            letters,
            current: Arc::new(config),
            loader,
            monitor: monitor.clone(),
            wanted: reload,
            changes: reloads,
        };
        let _reloading =
            (mode == Mode::Forever).then(|| AbortOnDropHandle::new(tokio::spawn(reloader.run())));
        let _claiming = AbortOnDropHandle::new(tokio::spawn(claims.run(reloaded, stop.clone())));
        let polling = run::run(loads, mode, &monitor, &stop, incoming, arbiter);
        let code = end(polling, grace_over).await;
        // What is handed back late can only be committed by nobody.
        leave.await;
        Ok(code)
    }
}

/// Fails unless this host could read every source, whoever does.
async fn require_all(config: &Config, loader: &Arc<Loader>) -> Result<(), Exit> {
    let mut problems = config.problems();
    let mut may_pass = problems.is_empty();
    for (source, loaded) in loader.load_all(config.sources.iter().cloned()).await {
        if let Err(error) = loaded {
            may_pass &= error.may_pass;
            problems.extend(error.lines(&source.name));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    Err(Exit::unusable((problems.join("\n  "), may_pass)))
}

/// Says once what is on this host alone although its sources move from host to host.
fn name_own_files(config: &Config) {
    let files = config
        .sources
        .iter()
        .filter(|source| matches!(source.sink, SinkConfig::File { .. }));
    let files = files.count();
    if files > 0 {
        warn!(
            sources = files,
            "their sinks are files: the events of a source are in the files of whichever hosts read it; use a sink over the network, \
             or collect the files of all hosts"
        );
    }
    if config
        .sources
        .iter()
        .any(|source| matches!(source.plugin, PluginPlace::File(_)))
    {
        info!(
            "plugins are files of this host: install the same ones on every host, or pin them with `digest`"
        );
    }
    let in_files = config
        .sources
        .iter()
        .filter(|source| matches!(source.dead_letter, DeadLetterPlace::File { .. }));
    let in_files = in_files.count();
    if in_files > 0 {
        warn!(
            sources = in_files,
            "their dead letters are in files of whichever host reads the source, since `dead_letter` says so: search for them on every \
             host, or remove `dead_letter` to keep them in the database"
        );
    }
}
