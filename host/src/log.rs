//! Log lines: on stderr only, since stdout carries events.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

use crate::progress::Stderr;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The libraries below us report what they hand to us as errors anyway.
const DEFAULT_FILTER: &str = "info,wasmtime_wasi_http=error,wasmtime_internal_cache=error";

/// Starts logging. `RUST_LOG` sets the level, `info` unless given.
pub fn start(format: LogFormat, writer: Stderr) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false);
    let layer = match format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            layer.with_ansi(colours).boxed()
        }
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(level)
        .with(layer.with_filter(filter_fn(is_harmless)))
        .init();
}

/// HTTP libraries trace what they send, credentials included, so they are held at `info` whatever `RUST_LOG` says.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME")) || *metadata.level() <= Level::INFO
}
