//! Keeps secrets out of core dumps: the memory of this process holds those of all tenants.

use tracing::debug;

/// Forbids core files, for this process and whatever it starts.
pub fn forbid() {
    #[cfg(unix)]
    if let Err(error) = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0) {
        debug!(%error, "core files stay as they were");
    }
}

/// Makes the memory unreadable for core dump handlers and for other processes of the same user.
///
/// To be called after the engine has started: it opens a file in `/proc/self` that belongs to root from then on.
pub fn hide_memory() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            debug!(%error, "the memory stays readable for core dump handlers");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

    use super::*;

    #[test]
    fn the_memory_is_hidden_by_a_process_that_is_not_dumpable() {
        let before = dumpable_behavior().unwrap();
        hide_memory();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        set_dumpable_behavior(before).unwrap();
    }
}
