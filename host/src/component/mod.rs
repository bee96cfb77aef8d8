//! The way into a component: its calls, and the judgement of what they return. A plugin is not trusted to keep the
//! contract.
//!
//! An [`Instance`] is called, by the host's own client for sources and by whoever examines plugins. What comes back is
//! [`raw`] until it has been judged.

mod attributes;
mod call_error;
mod client;
mod contract;
pub(crate) mod discovery;
mod fault;
mod fetched;
mod instance;
mod manifest;
pub(crate) mod measures;
mod partition_pool;
pub mod raw;
mod session;
mod validation;

pub use attributes::attribute_problem;
pub use call_error::{CallError, Refused};
pub(crate) use client::{CallResult, ComponentClient};
pub use contract::{CursorProblem, EventProblem, cursor_problem, event_problem, is_code};
pub use discovery::check_partitions;
pub use fetched::Fetched;
pub(crate) use fetched::redacted;
pub use instance::{Instance, Surroundings};
pub use manifest::judge_manifest;
pub(crate) use validation::Validation;

pub use crate::sandbox::Usage;
