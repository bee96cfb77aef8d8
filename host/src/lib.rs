//! Headwater's host: runs log sources, many tenants side by side, each in its own sandbox.
//!
//! Where to look, from the top down: `cli` reads the command line and `config` the file. `scheduler` decides when each
//! `source` and each `partition` has its turn. A turn goes through `caller` into the plugin: `plugin` holds the compiled
//! file, `link` what it may import, `sandbox` what one call runs in, `egress` what leaves it. What comes back is checked
//! by `batch`, handed to a `sink` or to `dead_letter`, and only then is the cursor stored in `state`. `monitor` shows
//! operators how all of that goes. `conformance` examines whether a plugin keeps the contract.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests run on threads of their own, and may wait"
    )
)]

mod backoff;
mod base64;
pub mod batch;
mod batch_memory;
pub mod bindings;
pub mod caller;
pub mod check;
pub mod cli;
mod compute;
pub mod config;
pub mod conformance;
mod core_dump;
mod cpu_share;
mod cursor_bytes;
pub mod dead_letter;
pub mod describe;
mod discovery;
pub mod egress;
pub mod engine;
pub mod event_key;
pub mod failure;
mod fair_slots;
mod file_identity;
mod file_work;
mod folder;
mod helper;
mod last_line;
mod line_file;
mod link;
pub mod load;
pub mod log;
mod low_priority;
mod machine_memory;
pub mod manifest;
mod manual;
mod measures;
pub mod monitor;
mod open_files;
mod outage;
mod partition;
mod partition_pool;
pub mod plugin;
mod plugin_log;
pub mod printable;
pub mod progress;
pub mod redact;
pub mod registry;
mod regular_file;
pub mod sandbox;
pub mod scheduler;
pub mod secret;
mod session;
pub mod shutdown;
mod signal;
pub mod sink;
mod small_file;
pub mod source;
pub mod state;
pub mod state_command;
mod state_watch;
mod stderr;
mod table;
mod validation;
#[cfg(debug_assertions)]
mod watchdog;
mod worker;
