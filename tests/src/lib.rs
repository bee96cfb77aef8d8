//! A fake Azure: token endpoint, subscriptions and activity logs, as strict as the real ones, with late events and
//! scripted failures.
//!
//! [`Azure`] is the whole of it as one value: a request and an instant go in, an answer comes out. [`Server`] puts it
//! behind a socket. `tests/README.md` explains the program `fake-azure`.

// The way of a request.
mod activity;
mod answer;
mod arm;
mod arrival;
mod assertion;
mod authentication;
mod azure;
mod entra;
mod entra_error;
mod graph;
mod ingestion;
mod link;
mod page;
mod query;
mod refusal;
mod route;
mod subscriptions;
mod token;

// What there is to read.
mod directory;
mod event;
mod filter;
mod log;
pub mod scenario;
mod settings;

// What goes wrong.
mod damage;
mod player;
mod script;
mod throttle;

// What is known afterwards.
mod journal;
mod stats;

// Sockets.
mod line;
mod server;
mod wire;

pub mod random;
mod time;

pub use answer::{Answer, Wire};
pub use azure::Azure;
pub use directory::{
    Application, Directory, Federation, Grant, Role, Scope, Secret, State, Subscription, Tenant,
};
pub use event::{Event, EventError};
pub use ingestion::CollectionRule;
pub use journal::{Counts, Recorded, Violation};
pub use route::Endpoint;
pub use script::{Action, ErrorBody, Fault, Script, ScriptError, When};
pub use server::Server;
pub use settings::Settings;
pub use stats::{Ids, LogStats, Stats};
pub use time::Instant;

/// Runs the example of the manual.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
