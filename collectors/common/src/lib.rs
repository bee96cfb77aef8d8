//! What the collectors that load Headwater share: its log lines, on their way to a program that is not written in Rust, and the
//! end of its threads.
//!
//! The library logs through `tracing`, whose place for log lines is a static of the shared object that it is linked into. A
//! program that loads the object has no share in that static, so nothing of the program changes when it is set here.

#![forbid(unsafe_code)]

mod line;
mod runtime;
mod target;

pub use line::Line;
pub use runtime::end;
pub use target::{log_to, stop_logging};
pub use tracing::level_filters::LevelFilter;
