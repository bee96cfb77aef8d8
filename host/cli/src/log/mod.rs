//! Log lines: on stderr only, since stdout carries events.

mod lines;
mod place;
mod quota;

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

use self::lines::{JsonLines, TextLines};
use self::place::NotePlaces;
use self::quota::Quota;
use crate::progress::Progress;
use crate::stderr::Lines;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The libraries below us report what they hand to us as errors anyway.
const DEFAULT_FILTER: &str = "info,wasmtime_wasi_http=error";

/// Starts logging. `RUST_LOG` sets the level, `info` unless given.
pub fn start(format: LogFormat, progress: &Progress) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let colours = format == LogFormat::Text
        && std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(Lines::new(progress.screen(), colours))
        .with_ansi(colours);
    let layer = match format {
        LogFormat::Text => layer.event_format(TextLines).boxed(),
        LogFormat::Json => layer.event_format(JsonLines).boxed(),
    };
    tracing_subscriber::registry()
        .with(level)
        .with(NotePlaces)
        .with(
            layer
                .with_filter(Quota::default())
                .with_filter(filter_fn(is_harmless)),
        )
        .init();
    // The usual hook writes to stderr itself, and would wait there for somebody to read it.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("the host has a defect: {panic}")
    }));
}

/// Modules of the host, this crate among them.
const OURS: &str = "headwater";

/// HTTP libraries trace what they send, credentials included, so they are held at `info` whatever `RUST_LOG` says.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(OURS) || *metadata.level() <= Level::INFO
}
