//! Looks now and then how many dead letters each source has: sources add them, and people take them away.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use headwater::monitor::Monitor;
use headwater::sink::LetterCounts;

use crate::config::Config;

/// How often to look.
const EVERY: Duration = Duration::from_secs(5);

/// Names of sources, and their dead-letter files.
type Sources = Arc<Mutex<Vec<(String, PathBuf)>>>;

/// Ends with the value.
#[derive(Debug)]
pub struct DeadLetterWatch(Sources);

impl DeadLetterWatch {
    /// Begins to look, on a thread of its own: a folder may hang.
    pub fn start(config: &Config, monitor: Monitor) -> Self {
        let watch = Self(Sources::default());
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

    /// Looks at the sources of this configuration from now on.
    pub fn follow(&self, config: &Config) {
        let sources = config.sources.iter();
        let sources = sources.map(|source| (source.name.clone(), source.dead_letter.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sources.collect();
    }
}

#[expect(clippy::disallowed_methods, reason = "has a thread of its own")]
fn look_on(sources: &Weak<Mutex<Vec<(String, PathBuf)>>>, monitor: &Monitor) {
    let mut counts = LetterCounts::default();
    while let Some(sources) = sources.upgrade() {
        let present = sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        drop(sources);
        for (source, count) in counts.look(&present) {
            monitor.dead_letters(&source, count.letters, count.oldest.as_deref());
        }
        std::thread::sleep(EVERY);
    }
}
