//! The way to stderr: a thread of its own behind a queue with bounds. A stderr that nobody reads stops that thread and
//! nobody else; what does not fit into the queue is counted and dropped.

#![expect(clippy::disallowed_methods, reason = "the log has a thread of its own")]

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use indicatif::MultiProgress;
use tracing_subscriber::fmt::MakeWriter;

use headwater::redact::printable::visible;

/// Log lines and changes of the screen that wait, at most.
const MOST_WAITING: usize = 4_096;
/// Bytes of log lines that wait, at most.
const MOST_BYTES: usize = 4 << 20;

/// Something to do with stderr.
type Job = Box<dyn FnOnce() + Send>;

static OUTPUT: LazyLock<Output> = LazyLock::new(Output::start);

struct Output {
    queue: SyncSender<Job>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
    /// Lines that did not fit.
    dropped: AtomicU64,
}

impl Output {
    fn start() -> Self {
        let (queue, jobs) = mpsc::sync_channel(MOST_WAITING);
        // Without the thread the queue is closed, and every line counts as dropped: there is nobody to tell.
        let _ = thread::Builder::new()
            .name("stderr".to_owned())
            .spawn(move || work_off(jobs));
        Self {
            queue,
            waiting: Arc::default(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Queues a line, or counts it as dropped. Never waits.
    fn line(&self, line: Vec<u8>, write: impl FnOnce(&[u8]) + Send + 'static) {
        let (waiting, length) = (self.waiting.clone(), line.len());
        let fits = waiting.fetch_add(length, Ordering::Relaxed) + length <= MOST_BYTES;
        let job: Job = Box::new(move || {
            write(&line);
            waiting.fetch_sub(length, Ordering::Relaxed);
        });
        if !fits || self.queue.try_send(job).is_err() {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn work_off(jobs: Receiver<Job>) {
    jobs.into_iter().for_each(|job| job());
}

/// Log lines that were dropped since the start.
pub(crate) fn dropped() -> u64 {
    OUTPUT.dropped.load(Ordering::Relaxed)
}

/// Changes what is on the screen when it is its turn. Dropped when the queue is full.
pub(crate) fn draw(change: impl FnOnce() + Send + 'static) {
    let _ = OUTPUT.queue.try_send(Box::new(change));
}

/// Waits until everything said so far has been written, but not for long.
pub(crate) fn flush(patience: Duration) {
    let (done, finished) = mpsc::channel();
    let sent = OUTPUT.queue.try_send(Box::new(move || {
        let _ = done.send(());
    }));
    if sent.is_ok() {
        let _ = finished.recv_timeout(patience);
    }
}

/// Makes a writer for each log line; it is queued whole when the writer is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    screen: MultiProgress,
    colours: bool,
}

impl Lines {
    /// Lines that share the screen with progress bars.
    pub(crate) fn new(screen: MultiProgress, colours: bool) -> Self {
        Self { screen, colours }
    }
}

/// One log line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            bytes: Vec::new(),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let line = harmless(&String::from_utf8_lossy(&self.bytes), self.lines.colours).into_bytes();
        let screen = self.lines.screen.clone();
        // Nobody is left to tell when stderr is closed.
        OUTPUT.line(line, move |line| {
            let _ = screen.suspend(|| io::stderr().write_all(line));
        });
    }
}

/// A log line without anything that a terminal would obey, but for colours where they are ours. A line end within it is
/// followed by blanks, so that nothing after it looks like a line of its own.
fn harmless(line: &str, colours: bool) -> String {
    let mut text = String::with_capacity(line.len() + 1);
    let mut rest = line.trim_end_matches(['\n', '\r']);
    while let Some(letter) = rest.chars().next() {
        let colour = if colours { colour(rest) } else { None };
        if let Some(length) = colour {
            text.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        match letter {
            '\n' => text.push_str("\n  "),
            other => text.push(visible(other)),
        }
        rest = &rest[letter.len_utf8()..];
    }
    text.push('\n');
    text
}

/// The length of a change of colour at the beginning of a text.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|letter: char| !(letter.is_ascii_digit() || letter == ';'))?;
    parameters[length..].starts_with('m').then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_neither_forge_another_nor_command_the_terminal() {
        let line = "INFO \u{1b}[32mgreen\u{1b}[0m \u{1b}[2J\u{9b}m a\n2026-01-01 INFO b\r\u{2028}c\n";
        assert_eq!(
            harmless(line, false),
            "INFO \u{fffd}[32mgreen\u{fffd}[0m \u{fffd}[2J\u{fffd}m a\n  2026-01-01 INFO b  c\n"
        );
        assert_eq!(
            harmless(line, true),
            "INFO \u{1b}[32mgreen\u{1b}[0m \u{fffd}[2J\u{fffd}m a\n  2026-01-01 INFO b  c\n"
        );
    }

    #[test]
    fn a_screen_that_takes_nothing_stops_nobody() {
        let output = Output::start();
        let (go, wait) = mpsc::channel::<()>();
        let _ = output.queue.send(Box::new(move || {
            let _ = wait.recv();
        }));
        // More than fits: had one of them to wait, this would not end.
        let count = 2 * MOST_WAITING as u64;
        let written = Arc::new(AtomicU64::new(0));
        for _ in 0..count {
            let written = written.clone();
            output.line(vec![b'x'; 2_000], move |_| {
                written.fetch_add(1, Ordering::Relaxed);
            });
        }
        let dropped = output.dropped.load(Ordering::Relaxed);
        assert!(dropped >= count - MOST_WAITING as u64, "{dropped} of {count}");
        assert_eq!(
            output.waiting.load(Ordering::Relaxed),
            2_000 * (count - dropped) as usize
        );
        go.send(()).unwrap();
        let (done, finished) = mpsc::channel();
        let _ = output.queue.send(Box::new(move || {
            let _ = done.send(());
        }));
        finished.recv().unwrap();
        assert_eq!(written.load(Ordering::Relaxed), count - dropped);
        assert_eq!(output.waiting.load(Ordering::Relaxed), 0);
    }
}
