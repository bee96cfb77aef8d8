//! Looks now and then how many dead letters each source has: sources add them, and people take them away.

#[cfg(feature = "postgres")]
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

#[cfg(feature = "postgres")]
use headwater::cursor::postgres::Standing;
use headwater::monitor::Monitor;
use headwater::sink::LetterCounts;
#[cfg(feature = "postgres")]
use headwater::sink::LetterTable;
#[cfg(feature = "postgres")]
use tokio::sync::watch;

use crate::config::{Config, DeadLetterPlace};

/// How often to look at files.
const EVERY: Duration = Duration::from_secs(5);
/// How often to ask a database. Every host does, of the sources that it reads.
#[cfg(feature = "postgres")]
const EVERY_IN_TABLE: Duration = Duration::from_secs(15);

/// Names of sources, and where their dead letters are.
type Sources = Mutex<Vec<(String, DeadLetterPlace)>>;

/// Ends with the value.
#[derive(Debug)]
pub struct DeadLetterWatch(Arc<Sources>);

impl DeadLetterWatch {
    /// Begins to look at files, on a thread of its own: a folder may hang.
    pub fn start(config: &Config, monitor: Monitor) -> Self {
        let watch = Self(Arc::default());
        watch.follow(config);
        let sources = Arc::downgrade(&watch.0);
        let look = move || look_on(&sources, &monitor);
        let begun = std::thread::Builder::new()
            .name("dead-letters".to_owned())
            .spawn(look);
        if let Err(error) = begun {
            tracing::warn!(%error, "cannot start a thread; /status will not count dead letters");
        }
        watch
    }

    /// Begins to count in a database, too: the letters of the sources that this host reads, so that each is counted by one host.
    #[cfg(feature = "postgres")]
    pub fn count_in(&self, table: LetterTable, standing: watch::Receiver<Standing>, monitor: Monitor) {
        tokio::spawn(count_on(Arc::downgrade(&self.0), table, standing, monitor));
    }

    /// Looks at the sources of this configuration from now on.
    pub fn follow(&self, config: &Config) {
        let sources = config.sources.iter();
        let sources = sources.map(|source| (source.name.clone(), source.dead_letter.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sources.collect();
    }
}

/// The sources at present; none once nobody wants to know any more.
fn present(sources: &Weak<Sources>) -> Option<Vec<(String, DeadLetterPlace)>> {
    let sources = sources.upgrade()?;
    let present = sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Some(present)
}

#[expect(clippy::disallowed_methods, reason = "has a thread of its own")]
fn look_on(sources: &Weak<Sources>, monitor: &Monitor) {
    let mut counts = LetterCounts::default();
    while let Some(present) = present(sources) {
        let files = present
            .into_iter()
            .filter_map(|(name, place)| Some((name, place.file()?.to_owned())));
        let files: Vec<(String, PathBuf)> = files.collect();
        for (source, count) in counts.look(&files) {
            monitor.dead_letters(&source, count.letters, count.oldest.as_deref());
        }
        std::thread::sleep(EVERY);
    }
}

#[cfg(feature = "postgres")]
async fn count_on(
    sources: Weak<Sources>,
    table: LetterTable,
    mut standing: watch::Receiver<Standing>,
    monitor: Monitor,
) {
    while let Some(present) = present(&sources) {
        // Fails when this host has left its cluster.
        let Ok(held) = standing
            .wait_for(|standing| !standing.held.is_empty())
            .await
            .map(|standing| standing.held.clone())
        else {
            return;
        };
        let in_table = present
            .into_iter()
            .filter(|(_, place)| *place == DeadLetterPlace::Database);
        let in_table: BTreeSet<String> = in_table.map(|(name, _)| name).collect();
        let wanted: Vec<String> = held.intersection(&in_table).cloned().collect();
        match table.count(&wanted).await {
            Ok(counts) => {
                for (source, count) in counts {
                    monitor.dead_letters(&source, count.letters, count.oldest.as_deref());
                }
            }
            // Whoever renews the leases says what is wrong.
            Err(error) => tracing::debug!(%error, "dead letters cannot be counted"),
        }
        tokio::time::sleep(EVERY_IN_TABLE).await;
    }
}
