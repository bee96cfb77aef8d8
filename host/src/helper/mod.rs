//! Work that may take the process down with it, done by a process of its own: this program again, with other arguments.
//!
//! Only the program turns this on ([`run_if_asked`]). In other programs that use this library there is no such process, and
//! the work is done in the process itself.

#![expect(
    clippy::disallowed_methods,
    reason = "runs in a process of its own, or on a thread that waits for it"
)]

mod compile;
mod core_dump;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use tracing::debug;

pub(crate) use compile::{HelperError, compile};
pub use core_dump::{forbid as forbid_core_dumps, hide_memory};

/// The first argument of the process that helps; no command of people begins like this.
const MARK: &str = "--helper-process";
/// Where Linux shows the running program, also after its file was replaced.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// This program, once it is known that it can help.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// In a process that was started to help: does that and returns its exit code. In any other: makes helpers available.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != MARK) {
        let own = Path::new(OWN_PROGRAM);
        let program = if own.exists() {
            Some(own.to_owned())
        } else {
            std::env::current_exe().ok()
        };
        if let Some(program) = program {
            let _ = PROGRAM.set(program);
        }
        return None;
    }
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    Some(match (task.to_str(), &rest[..]) {
        #[cfg(feature = "redb")]
        (Some("salvage"), [path]) => {
            core_dump::forbid();
            let survived = crate::cursor::state_file::rehearse(Path::new(path));
            ExitCode::from(u8::from(!survived))
        }
        (Some("compile"), [memory, seconds]) => {
            let number = |text: &OsString| text.to_str()?.parse().ok();
            match (number(memory), number(seconds)) {
                (Some(memory), Some(seconds)) => compile::serve(memory, seconds),
                _ => ExitCode::from(2),
            }
        }
        _ => ExitCode::from(2),
    })
}

#[cfg(feature = "redb")]
/// Whether a process of its own survives reading what is left of a damaged state file. Not known is no.
pub(crate) fn survives_salvage(path: &Path) -> bool {
    let Some(mut command) = command("salvage") else {
        return false;
    };
    let status = command
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            debug!(%error, "cannot start a process that helps");
            false
        }
    }
}

/// This program with the arguments that make it help, and nothing of this process's environment, where the secrets are.
fn command(task: &str) -> Option<Command> {
    let mut command = Command::new(PROGRAM.get()?);
    // The allocator takes a gigabyte in advance otherwise, which would count as the compiler's.
    command
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "64MiB")
        .arg(MARK)
        .arg(task);
    Some(command)
}
