//! The `headwater` program: the library, with a command line, a configuration file, sinks and a terminal around it.
//!
//! `commands` reads the command line and `config` the file. `loading` makes sources of it; `run` reads them and `outlets`
//! delivers what they bring. `log`, `stderr` and `progress` are what people in front of a terminal see.

mod check;
#[cfg(feature = "postgres")]
mod claims;
mod commands;
mod config;
mod dead_letter_command;
mod dead_letter_watch;
mod describe;
mod file_limit;
mod init;
mod late_state;
mod letter_places;
mod load_error;
mod loading;
mod log;
mod man_pages;
mod outlets;
mod progress;
mod run;
mod signal;
mod state_command;
#[cfg(feature = "postgres")]
mod state_copy;
mod state_move;
mod state_place;
mod state_watch;
mod status_command;
mod stderr;
mod table;
mod terminal;
mod threads;
mod wrap;

pub use commands::main;

/// What a collector reads the same configuration with, whose events are its own affair (`collectors/fluent-bit`).
pub mod collector {
    pub use crate::config::{Config, ConfigError, RefusedSource};
    pub use crate::loading::{LoadError, Loader, Loading, Ready};
}
