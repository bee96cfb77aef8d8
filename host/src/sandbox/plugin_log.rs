//! A plugin's stderr: bounded, cleaned and passed on as log lines.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::{debug, error, info, warn};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::redact::Redactor;

/// Bytes shown of one call. Hundreds of lines; more helps nobody.
const MOST_BYTES: usize = 64 << 10;
/// Bytes kept beyond those, to find secrets that cross the end.
const LOOK_AHEAD: usize = 64 << 10;
/// Bytes of all calls of one source together in a minute.
const BYTES_PER_MINUTE: u64 = 256 << 10;
const MINUTE: Duration = Duration::from_secs(60);
/// Origins of one call that are named because they are not granted.
const MOST_NOT_GRANTED: usize = 16;
/// Offered to the plugin per write.
const WRITE_BYTES: usize = 8 << 10;

/// Collects what a plugin writes to stderr during one call.
///
/// What does not fit is counted and dropped. A full pipe would be an error for the plugin, and Rust's `eprintln!` panics
/// on that: a talkative plugin would lose its poll.
#[derive(Debug, Clone, Default)]
pub(crate) struct PluginLog(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    dropped: u64,
    not_granted: Vec<String>,
}

impl PluginLog {
    fn append(&self, bytes: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = bytes.len().min(MOST_BYTES + LOOK_AHEAD - captured.bytes.len());
        captured.bytes.extend_from_slice(&bytes[..kept]);
        captured.dropped += (bytes.len() - kept) as u64;
    }

    /// Notes that a request was refused since its origin is not granted. Each is named once.
    pub(crate) fn not_granted(&self, origin: String) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if captured.not_granted.len() < MOST_NOT_GRANTED && !captured.not_granted.contains(&origin) {
            captured.not_granted.push(origin);
        }
    }

    /// What has been kept, and how many bytes were dropped. Forgets both.
    pub(crate) fn take(&self) -> (String, u64) {
        let captured = self.take_all();
        (
            String::from_utf8_lossy(&captured.bytes).into_owned(),
            captured.dropped,
        )
    }

    /// Whether there is nothing to be said of the call.
    pub(crate) fn is_empty(&self) -> bool {
        let captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        captured.bytes.is_empty() && captured.not_granted.is_empty()
    }

    fn take_all(&self) -> Captured {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the lines, without secrets and within what the source may still log, and forgets them.
    pub(crate) fn take_lines(&self, redactor: &Redactor, budget: &LogBudget) -> Lines {
        let Captured {
            bytes,
            mut dropped,
            not_granted,
        } = self.take_all();
        let not_granted = not_granted.iter().map(|origin| redactor.clean(origin)).collect();
        let text = String::from_utf8_lossy(&bytes);
        // Redacted as a whole first: a secret with a line end in it must not slip through line by line. More was kept than
        // is shown, so that one that crosses the end is known.
        let mut text = redactor.redact(&text);
        if text.len() > MOST_BYTES {
            let end = text.floor_char_boundary(MOST_BYTES);
            dropped += (text.len() - end) as u64;
            text.truncate(end);
        }
        let allowed = budget.take(text.len() as u64);
        let mut lines = Vec::new();
        let mut bytes = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            bytes += line.len() as u64;
            if bytes > allowed.bytes {
                break;
            }
            let (level, text) = split_level(line);
            lines.push((level, Redactor::default().clean(text)));
        }
        Lines {
            lines,
            dropped,
            allowed,
            not_granted,
        }
    }
}

/// Lines of one call that may be published.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: Vec<(Level, String)>,
    /// Bytes beyond what one call may write.
    dropped: u64,
    allowed: Allowed,
    /// Origins that requests were refused to.
    not_granted: Vec<String>,
}

impl Lines {
    /// Passes the lines on as log events of the current span.
    pub(crate) fn publish(self) {
        if self.allowed.suppressed_before > 0 {
            warn!(
                bytes = self.allowed.suppressed_before,
                "suppressed log output of the plugin in the minute before"
            );
        }
        for origin in &self.not_granted {
            warn!(%origin, "refused a request to an origin that is not granted; add it to `allow` to permit it");
        }
        for (level, text) in &self.lines {
            match level {
                Level::Error => error!("{text}"),
                Level::Warn => warn!("{text}"),
                Level::Info => info!("{text}"),
                Level::Debug => debug!("{text}"),
            }
        }
        if self.allowed.is_first_excess {
            warn!(
                limit = BYTES_PER_MINUTE,
                "the plugin logs more bytes than a source may in one minute; the rest of the minute is suppressed"
            );
        } else if self.dropped > 0 && self.allowed.bytes > 0 {
            warn!(
                bytes = self.dropped,
                "dropped log output of the plugin: too much in one call"
            );
        }
    }
}

/// What a source may still log. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogBudget(Arc<Mutex<Minute>>);

#[derive(Debug, Default)]
struct Minute {
    began: Option<Instant>,
    used: u64,
    suppressed: u64,
}

/// A share of the budget.
#[derive(Debug, PartialEq, Eq)]
struct Allowed {
    bytes: u64,
    /// Whether this is the first in its minute to get less than it asked for.
    is_first_excess: bool,
    /// Bytes that were suppressed in the minute that has just ended.
    suppressed_before: u64,
}

impl LogBudget {
    fn take(&self, wanted: u64) -> Allowed {
        self.take_at(wanted, Instant::now())
    }

    fn take_at(&self, wanted: u64, now: Instant) -> Allowed {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suppressed_before = 0;
        if minute
            .began
            .is_none_or(|began| now.duration_since(began) >= MINUTE)
        {
            suppressed_before = minute.suppressed;
            *minute = Minute {
                began: Some(now),
                ..Minute::default()
            };
        }
        let bytes = wanted.min(BYTES_PER_MINUTE - minute.used);
        minute.used += bytes;
        let is_first_excess = bytes < wanted && minute.suppressed == 0;
        minute.suppressed += wanted - bytes;
        Allowed {
            bytes,
            is_first_excess,
            suppressed_before,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// Splits `LEVEL text`. A line without a level counts as `info`.
fn split_level(line: &str) -> (Level, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "error" => (Level::Error, rest),
        "warn" => (Level::Warn, rest),
        "info" => (Level::Info, rest),
        "debug" => (Level::Debug, rest),
        _ => (Level::Info, line),
    }
}

impl IsTerminal for PluginLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for PluginLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for PluginLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for PluginLog {
    async fn ready(&mut self) {}
}

impl AsyncWrite for PluginLog {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_first_word_in_lower_case() {
        for (line, level, text) in [
            ("warn disk is hot", Level::Warn, "disk is hot"),
            ("error", Level::Error, ""),
            ("debug  two blanks", Level::Debug, " two blanks"),
            ("thread 'main' panicked", Level::Info, "thread 'main' panicked"),
            ("warning: old", Level::Info, "warning: old"),
        ] {
            assert_eq!(split_level(line), (level, text), "{line}");
        }
    }

    #[test]
    fn too_much_is_dropped_and_never_an_error() {
        let mut log = PluginLog::default();
        for _ in 0..100 {
            assert!(log.check_write().is_ok_and(|offered| offered > 0));
            log.write(Bytes::from(vec![b'x'; WRITE_BYTES])).unwrap();
        }
        let captured = log.0.lock().unwrap();
        let kept = MOST_BYTES + LOOK_AHEAD;
        assert_eq!(captured.bytes.len(), kept);
        assert_eq!(captured.dropped as usize, 100 * WRITE_BYTES - kept);
    }

    #[test]
    fn a_secret_across_the_end_of_what_is_shown_is_not_shown_in_part() {
        for before in MOST_BYTES - 12..MOST_BYTES + 2 {
            let log = PluginLog::default();
            log.append(&vec![b'x'; before]);
            log.append(b"the-secret and more");
            let lines = log.take_lines(&Redactor::new(["the-secret".to_owned()]), &LogBudget::default());
            assert!(lines.dropped > 0);
            let text: String = lines.lines.into_iter().map(|(_, text)| text).collect();
            assert!(!text.contains("the-"), "{before}");
        }
    }

    #[test]
    fn an_origin_that_is_not_granted_is_named_once_and_without_secrets() {
        let log = PluginLog::default();
        for number in 0..100 {
            log.not_granted("https://a.the-secret.example".to_owned());
            log.not_granted(format!("https://{number}.example"));
        }
        let lines = log.take_lines(&Redactor::new(["the-secret".to_owned()]), &LogBudget::default());
        assert_eq!(lines.not_granted[0], "https://a.[secret].example");
        assert_eq!(lines.not_granted.len(), MOST_NOT_GRANTED);
    }

    #[test]
    fn a_source_that_logs_without_end_is_held_to_its_minute() {
        let budget = LogBudget::default();
        let start = Instant::now();
        let allowed = |bytes, is_first_excess, suppressed_before| Allowed {
            bytes,
            is_first_excess,
            suppressed_before,
        };
        let most = BYTES_PER_MINUTE;
        assert_eq!(budget.take_at(most - 10, start), allowed(most - 10, false, 0));
        assert_eq!(budget.take_at(20, start), allowed(10, true, 0));
        assert_eq!(budget.take_at(20, start), allowed(0, false, 0));
        assert_eq!(budget.take_at(5, start + MINUTE), allowed(5, false, 30));
        assert_eq!(budget.take_at(5, start + 2 * MINUTE), allowed(5, false, 0));
    }
}
