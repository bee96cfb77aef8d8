//! How far a long reading has come: a bar on a terminal, a log line now and then otherwise.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::info;
use tracing_subscriber::fmt::MakeWriter;

use crate::bindings::exports::headwater::source::source::Progress as Position;
use crate::partition::Partition;

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

/// Writes to stderr without tearing the bars.
#[derive(Clone)]
pub struct Stderr(MultiProgress);

impl Progress {
    /// Progress on this process's stderr.
    pub fn on_stderr() -> Self {
        Self {
            screen: MultiProgress::new(),
            terminal: io::stderr().is_terminal(),
            shown: Arc::default(),
        }
    }

    /// A writer for log lines that shares the screen.
    pub fn writer(&self) -> Stderr {
        Stderr(self.screen.clone())
    }

    /// Shows where a partition stands. One that has caught up is not shown: there is nothing to wait for.
    pub(crate) fn show(&self, partition: &Partition, position: &Position) {
        if position.caught_up {
            return self.end(partition);
        }
        let done = permille(position);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let bars = shown
            .values()
            .filter(|shown| matches!(shown, Shown::Bar(_)))
            .count();
        let key = key(partition);
        match shown.get_mut(&key) {
            Some(Shown::Bar(bar)) => bar.set_position(done),
            Some(Shown::Line(last)) if last.elapsed() < LINE_INTERVAL => {}
            Some(Shown::Line(last)) => {
                *last = Instant::now();
                say(done);
            }
            None if self.terminal && bars < MOST_BARS => {
                let bar = self.screen.add(
                    ProgressBar::new(STEPS)
                        .with_style(style())
                        .with_message(key.clone()),
                );
                bar.set_position(done);
                shown.insert(key, Shown::Bar(bar));
            }
            None => {
                shown.insert(key, Shown::Line(Instant::now()));
                say(done);
            }
        }
    }

    /// Removes a partition from the screen.
    pub(crate) fn end(&self, partition: &Partition) {
        let ended = self
            .shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(partition));
        if let Some(Shown::Bar(bar)) = ended {
            bar.finish_and_clear();
        }
    }
}

fn key(partition: &Partition) -> String {
    format!("{} {}", partition.source.name(), partition.id)
}

fn say(permille: u64) {
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

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Progress")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Stderr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Stderr")
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
                caught_up: false,
            };
            assert_eq!(permille(&position), expected, "{position:?}");
        }
    }

    #[test]
    fn the_template_of_the_bar_is_valid() {
        assert!(ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}").is_ok());
    }
}
