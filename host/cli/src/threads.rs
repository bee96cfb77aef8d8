//! Whether the system gives this process the threads without which nothing works, not even the log.

use std::io;
use std::sync::Mutex;
use std::thread::{self, Builder, Scope};

/// `headwater describe` does with 14 on two processors; with 8 it could not compile, and with fewer not even say so.
const NEEDED: usize = 16;

/// Starts so many threads at once, and ends them. What to tell a person if that cannot be.
pub(crate) fn check() -> Result<(), String> {
    at_once(|scope, gate| {
        Builder::new()
            .spawn_scoped(scope, move || drop(gate.lock()))
            .map(drop)
    })
    .map_err(|error| {
        format!(
            "cannot start: this needs at least {NEEDED} threads, and the system refuses them ({error}); raise the limit of \
             processes of this user (`ulimit -u`), of the service (`TasksMax`) or of the container (its limit of PIDs)"
        )
    })
}

fn at_once(
    start: impl for<'scope> Fn(&'scope Scope<'scope, '_>, &'scope Mutex<()>) -> io::Result<()>,
) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        // Each of them waits until all have been started.
        let _closed = gate.lock();
        (0..NEEDED).try_for_each(|_| start(scope, &gate))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_system_that_gives_a_few_threads_only_is_told_from_one_that_gives_all() {
        assert_eq!(check(), Ok(()));
        let count = AtomicUsize::new(0);
        let refused = at_once(|_, _| {
            if count.fetch_add(1, Ordering::Relaxed) < NEEDED - 1 {
                return Ok(());
            }
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
