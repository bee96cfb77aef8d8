//! Reading the configuration again while the host runs.

use std::path::PathBuf;
use std::sync::Arc;

use headwater::monitor::Monitor;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info, warn};

use super::changes::Changes;
use super::config_watch::ConfigWatch;
use crate::config::Config;
use crate::dead_letter_watch::DeadLetterWatch;
use crate::loading::Loader;

/// Reads the configuration again whenever that is asked for, judges it whole, and hands on what it changes.
#[derive(Debug)]
pub struct Reloader {
    /// The file.
    pub path: PathBuf,
    /// What the host runs.
    pub current: Arc<Config>,
    /// Judges new and changed sources.
    pub loader: Arc<Loader>,
    /// Shows whether it worked.
    pub monitor: Monitor,
    /// Counts the dead letters of those that there are.
    pub letters: DeadLetterWatch,
    /// Asks for it: however often it is asked while one is under way, one more follows.
    pub wanted: Arc<Notify>,
    /// Where changes go.
    pub changes: mpsc::Sender<Changes>,
}

impl Reloader {
    /// Does so until nobody takes the changes any more.
    pub async fn run(mut self) {
        let mut watch = ConfigWatch::new(self.path.clone(), self.wanted.clone());
        watch.follow(&self.current);
        self.monitor.reloaded(true);
        loop {
            self.wanted.notified().await;
            let judged = self.judge().await;
            self.monitor.reloaded(judged.is_ok());
            match judged {
                Ok((mut config, changes)) => {
                    tell(&changes);
                    // What needs a restart is compared with what really runs.
                    config.keep_host_of(&self.current);
                    self.letters.follow(&config);
                    self.current = Arc::new(config);
                    if self.changes.send(changes).await.is_err() {
                        return;
                    }
                }
                Err(problems) => error!(
                    "the configuration was not reloaded, and the old one goes on; {} problem(s):\n  {}",
                    problems.len(),
                    problems.join("\n  ")
                ),
            }
            // A new file may have come into a folder that was not there before.
            watch.follow(&self.current);
        }
    }

    /// The new configuration and what it changes, or everything that is wrong with it. Nothing has changed by then.
    async fn judge(&self) -> Result<(Config, Changes), Vec<String>> {
        let config = self.load().await?;
        let mut problems = config.problems();
        let changes = Changes::between(&self.current, &config);
        for (source, loaded) in self.loader.load_all(changes.fresh().cloned()).await {
            match loaded {
                Err(error) if error.is_mistake() => problems.extend(error.lines(&source.name)),
                // What is only missing, a secret for example, stops one source: it waits for it as at a start.
                Ok(_) | Err(_) => {}
            }
        }
        problems.sort();
        if problems.is_empty() {
            Ok((config, changes))
        } else {
            Err(problems)
        }
    }

    /// Reads the file on a thread of its own: a disk that hangs holds up nothing else.
    async fn load(&self) -> Result<Config, Vec<String>> {
        let (path, running) = (self.path.clone(), self.current.clone());
        let (sender, loaded) = oneshot::channel();
        let load = move || {
            // Nobody waits for it when the process ends.
            let _ = sender.send(Config::reload(&path, &running));
        };
        let begun = std::thread::Builder::new().name("reload".to_owned()).spawn(load);
        begun.map_err(|error| vec![format!("cannot start a thread: {error}")])?;
        match loaded.await {
            Ok(loaded) => loaded.map_err(|error| vec![error.to_string()]),
            Err(_) => Err(vec!["the host has a defect; report it".to_owned()]),
        }
    }
}

fn tell(changes: &Changes) {
    for key in &changes.restart {
        warn!("{key} has changed, which takes effect with the next start only; restart when it suits you");
    }
    let names = |sources: Vec<&str>| match sources.len() {
        0..=10 => sources.join(", "),
        more => format!("{}, … ({more} in all)", sources[..10].join(", ")),
    };
    let named = |sources: &[Arc<crate::config::SourceConfig>]| {
        names(sources.iter().map(|source| source.name.as_str()).collect())
    };
    info!(
        added = named(&changes.added),
        changed = named(&changes.changed),
        removed = names(changes.removed.iter().map(String::as_str).collect()),
        unchanged = changes.unchanged,
        "the configuration was reloaded"
    );
}
