//! Work that may take the process down with it, done by a process of its own: this program again, with other arguments.
//!
//! Only the program turns this on ([`crate::run_helper_if_asked`]). In other programs that use this library there is no such process, and
//! the work is done in the process itself.

#![expect(
    clippy::disallowed_methods,
    reason = "runs in a process of its own, or on a thread that waits for it"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The first argument of the process that helps; no command of people begins like this.
pub(crate) const MARK: &str = "--helper-process";
/// Where Linux shows the running program, also after its file was replaced.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// This program, once it is known that it can help.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Makes helpers available, which are this program again.
pub(crate) fn make_available() {
    let own = Path::new(OWN_PROGRAM);
    let program = if own.exists() {
        Some(own.to_owned())
    } else {
        std::env::current_exe().ok()
    };
    if let Some(program) = program {
        let _ = PROGRAM.set(program);
    }
}

/// This program with the arguments that make it help, and nothing of this process's environment, where the secrets are.
pub(crate) fn command(task: &str) -> Option<Command> {
    let mut command = Command::new(PROGRAM.get()?);
    // The allocator takes a gigabyte in advance otherwise, which would count as the compiler's.
    command
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "64MiB")
        .arg(MARK)
        .arg(task);
    Some(command)
}
