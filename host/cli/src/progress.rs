//! How far a long reading has come: a bar on a terminal, a log line now and then otherwise.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use headwater::model::Progress as Position;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::{error_span, info};

use crate::stderr;

/// Without a terminal, say so this often.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// More bars than this push the log off the screen; the rest reads on without one.
const MOST_BARS: usize = 10;
/// Steps of a bar.
const STEPS: u64 = 1_000;

/// Shows the progress of all partitions. Clones share the screen.
#[derive(Clone)]
pub struct Progress {
    screen: MultiProgress,
    terminal: bool,
    shown: Arc<Mutex<HashMap<String, Shown>>>,
}

enum Shown {
    Bar(ProgressBar),
    Line(Instant),
}

impl Progress {
    /// Progress on this process's stderr.
    pub fn on_stderr() -> Self {
        Self {
            screen: MultiProgress::new(),
            terminal: io::stderr().is_terminal(),
            shown: Arc::default(),
        }
    }

    /// The screen, for log lines that share it.
    pub(crate) fn screen(&self) -> MultiProgress {
        self.screen.clone()
    }

    /// Shows where a partition stands.
    pub(crate) fn show(&self, source: &str, partition: &str, position: &Position) {
        let done = permille(position);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let bars = shown
            .values()
            .filter(|shown| matches!(shown, Shown::Bar(_)))
            .count();
        let key = key(source, partition);
        match shown.get_mut(&key) {
            // Drawn by the thread that writes the log: a terminal that takes nothing must not stop a poll.
            Some(Shown::Bar(bar)) => {
                let bar = bar.clone();
                stderr::draw(move || bar.set_position(done));
            }
            Some(Shown::Line(last)) if last.elapsed() < LINE_INTERVAL => {}
            Some(Shown::Line(last)) => {
                *last = Instant::now();
                say(source, partition, done);
            }
            None if self.terminal && bars < MOST_BARS => {
                let bar = ProgressBar::hidden()
                    .with_style(style())
                    .with_message(key.clone());
                bar.set_length(STEPS);
                let (screen, new) = (self.screen.clone(), bar.clone());
                stderr::draw(move || screen.add(new).set_position(done));
                shown.insert(key, Shown::Bar(bar));
            }
            None => {
                shown.insert(key, Shown::Line(Instant::now()));
                say(source, partition, done);
            }
        }
    }

    /// Removes a partition from the screen.
    pub(crate) fn end(&self, source: &str, partition: &str) {
        let ended = self
            .shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(source, partition));
        if let Some(Shown::Bar(bar)) = ended {
            stderr::draw(move || bar.finish_and_clear());
        }
    }
}

fn key(source: &str, partition: &str) -> String {
    format!("{source} {partition}")
}

fn say(source: &str, partition: &str, permille: u64) {
    let _source = error_span!("source", id = source).entered();
    let _partition = error_span!("partition", id = partition).entered();
    info!(percent = permille / 10, "catching up");
}

/// How much of the way from start to target is done, in thousandths.
fn permille(position: &Position) -> u64 {
    let whole = position.target.saturating_sub(position.start);
    let done = position.position.saturating_sub(position.start).min(whole);
    if whole == 0 {
        STEPS
    } else {
        (u128::from(done) * u128::from(STEPS) / u128::from(whole)) as u64
    }
}

fn style() -> ProgressStyle {
    // The template is a constant; a wrong one would fail the test below.
    ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Progress")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_share_of_the_way() {
        for (start, position, target, expected) in [
            (100, 100, 200, 0),
            (100, 150, 200, 500),
            (100, 200, 200, 1000),
            (100, 300, 200, 1000),
            (5, 5, 5, 1000),
            (100, 50, 200, 0),
        ] {
            let position = Position {
                start,
                position,
                target,
            };
            assert_eq!(permille(&position), expected, "{position:?}");
        }
    }

    #[test]
    fn the_template_of_the_bar_is_valid() {
        assert!(ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}").is_ok());
    }
}
