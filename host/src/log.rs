//! Log lines: on stderr only, since stdout carries events.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::progress::Stderr;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `RUST_LOG` sets the level, `info` unless given.
pub fn start(format: LogFormat, writer: Stderr) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false);
    match format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr())
                && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).init(),
    }
}

/// The libraries below us report what they hand to us as errors anyway.
const DEFAULT_FILTER: &str = "info,wasmtime_wasi_http=error,wasmtime_internal_cache=error";
