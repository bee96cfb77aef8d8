//! A program that helps itself: see [`run_helper_if_asked`].

use std::ffi::OsString;
use std::process::ExitCode;

use crate::plugin;
use crate::work::{core_dump, helper};

/// Lets the host do work that may take a process down with it (compiling a plugin, reading a damaged state file) in
/// processes of their own, which are the calling program again with other arguments.
///
/// To be called first of all in `main`, and its result to be returned if there is one. A program that does not call this has
/// such work done in its own process, without the bounds [`CompileLimits::memory`](crate::plugin::CompileLimits::memory) and
/// [`CompileLimits::timeout`](crate::plugin::CompileLimits::timeout).
pub fn run_helper_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != helper::MARK) {
        helper::make_available();
        return None;
    }
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    Some(match (task.to_str(), &rest[..]) {
        #[cfg(feature = "redb")]
        (Some("salvage"), [path]) => {
            core_dump::forbid();
            let survived = crate::cursor::state_file::rehearse(path.as_ref());
            ExitCode::from(u8::from(!survived))
        }
        (Some("compile"), [memory, seconds]) => {
            let number = |text: &OsString| text.to_str()?.parse().ok();
            match (number(memory), number(seconds)) {
                (Some(memory), Some(seconds)) => plugin::serve(memory, seconds),
                _ => ExitCode::from(2),
            }
        }
        _ => ExitCode::from(2),
    })
}
