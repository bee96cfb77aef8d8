//! A plugin's stderr: bounded, cleaned and passed on as log lines.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::{debug, error, info, warn};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::scrub::Scrubber;

/// Bytes kept of one call. Hundreds of lines; more helps nobody.
const MOST_BYTES: usize = 64 << 10;
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
}

impl PluginLog {
    fn append(&self, bytes: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = bytes.len().min(MOST_BYTES - captured.bytes.len());
        captured.bytes.extend_from_slice(&bytes[..kept]);
        captured.dropped += (bytes.len() - kept) as u64;
    }

    /// What has been kept, and how many bytes were dropped. Forgets both.
    pub(crate) fn take(&self) -> (String, u64) {
        let captured = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (
            String::from_utf8_lossy(&captured.bytes).into_owned(),
            captured.dropped,
        )
    }

    /// Passes the lines on as log events of the current span, and forgets them.
    pub(crate) fn publish(&self, scrubber: &Scrubber) {
        let (text, dropped) = self.take();
        // Redacted as a whole first: a secret with a line end in it must not slip through line by line.
        let text = scrubber.redact(&text);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (level, text) = split_level(line);
            let text = scrubber.clean(text);
            match level {
                Level::Error => error!("{text}"),
                Level::Warn => warn!("{text}"),
                Level::Info => info!("{text}"),
                Level::Debug => debug!("{text}"),
            }
        }
        if dropped > 0 {
            warn!(
                bytes = dropped,
                "dropped log output of the plugin: too much in one call"
            );
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
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
        assert_eq!(captured.bytes.len(), MOST_BYTES);
        assert_eq!(captured.dropped as usize, 100 * WRITE_BYTES - MOST_BYTES);
    }
}
