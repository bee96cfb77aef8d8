//! Compiling, in a process of its own where there is one, with bounds for memory and time.

#![expect(
    clippy::disallowed_methods,
    reason = "plugins are loaded on threads that may wait"
)]

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use wasmtime::Engine;

use super::audit::{CompileLimits, Excess};
use super::compile_process::{self, HelperError};
use super::native::Artifact;

/// Plugins that are compiled at once, in each lane. The compiler uses all processors for one, and takes its memory for each.
const AT_ONCE: usize = 2;
/// What takes longer begins anew in a lane of its own, so that none that is soon compiled waits for those that never are.
/// The Azure source takes three seconds on two processors.
const QUICK: Duration = Duration::from_secs(15);

static QUICK_LANE: Lane = Lane::new();
static SLOW_LANE: Lane = Lane::new();

/// Why a plugin could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CompileError {
    /// The compiler does not accept it.
    #[error("{0}")]
    Broken(String),
    /// The compiler was stopped, or has crashed.
    #[error("{0}")]
    Stopped(String),
    /// There is no process to compile it in at present.
    #[error("{0}")]
    NotNow(String),
    /// The process that compiled it was killed from outside.
    #[error("the process that compiles it was killed")]
    Killed,
}

/// Compiles a component that was audited. Blocks.
pub(super) fn compile(
    engine: &Engine,
    bytes: &[u8],
    limits: &CompileLimits,
) -> Result<Artifact, CompileError> {
    let compiled = in_lanes(
        &QUICK_LANE,
        &SLOW_LANE,
        limits.timeout,
        |timeout| match compile_process::compile(bytes, &CompileLimits { timeout, ..*limits }) {
            Err(HelperError::Unavailable) => Ok(in_this_process(engine, bytes)),
            compiled => compiled.map(|artifact| Ok(Artifact::verified(artifact))),
        },
    );
    let stopped = |what: &dyn fmt::Display, key: &str| {
        CompileError::Stopped(format!("{what}; if you trust it, raise `compile.{key}`"))
    };
    match compiled {
        Ok(compiled) => compiled,
        Err(HelperError::Unavailable) => in_this_process(engine, bytes),
        Err(HelperError::NotNow(error)) => Err(CompileError::NotNow(error.to_string())),
        Err(HelperError::Killed) => Err(CompileError::Killed),
        Err(HelperError::Refused(reason)) => Err(CompileError::Broken(reason)),
        Err(HelperError::TooMuchCode(bound)) => {
            // Counting has stopped there.
            let excess = Excess::of_code(bound.saturating_add(1), bound);
            Err(CompileError::Stopped(excess.to_string()))
        }
        Err(HelperError::OutOfTime) => {
            let seconds = limits.timeout.as_secs();
            Err(stopped(
                &format_args!("compiling it takes longer than {seconds} s"),
                "timeout",
            ))
        }
        Err(HelperError::Died) => {
            let mib = limits.memory >> 20;
            let what =
                format_args!("compiling it takes more than {mib} MiB of memory, or crashes the compiler");
            Err(stopped(&what, "memory"))
        }
    }
}

/// Compiles in the first lane; what takes too long for that, in the second one.
fn in_lanes<T>(
    quick: &'static Lane,
    slow: &'static Lane,
    timeout: Duration,
    compile: impl Fn(Duration) -> Result<T, HelperError>,
) -> Result<T, HelperError> {
    let soon = {
        let _turn = quick.turn();
        compile(timeout.min(QUICK))
    };
    match soon {
        Err(HelperError::OutOfTime) if timeout > QUICK => {
            let _turn = slow.turn();
            compile(timeout)
        }
        compiled => compiled,
    }
}

/// For programs that have no process that helps.
fn in_this_process(engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
    let compiled = engine.precompile_component(bytes);
    compiled
        .map(Artifact::verified)
        .map_err(|error| CompileError::Broken(error.root_cause().to_string()))
}

/// Turns, of which there are as many as may be compiled at once.
struct Lane {
    free: Mutex<usize>,
    is_free: Condvar,
}

impl Lane {
    const fn new() -> Self {
        Self {
            free: Mutex::new(AT_ONCE),
            is_free: Condvar::new(),
        }
    }

    fn turn(&'static self) -> Turn {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.is_free.wait_while(free, |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }
}

/// The right to compile.
struct Turn(&'static Lane);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.is_free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_to_compile_keeps_nothing_waiting_that_does_not() {
        static QUICK_ONE: Lane = Lane::new();
        static SLOW_ONE: Lane = Lane::new();
        let all_are_slow = std::sync::Arc::new(std::sync::Barrier::new(AT_ONCE + 1));
        for _ in 0..AT_ONCE {
            let all_are_slow = all_are_slow.clone();
            std::thread::spawn(move || {
                in_lanes(&QUICK_ONE, &SLOW_ONE, 2 * QUICK, |timeout| {
                    if timeout <= QUICK {
                        return Err(HelperError::OutOfTime);
                    }
                    all_are_slow.wait();
                    std::thread::sleep(Duration::from_secs(3_600));
                    Ok(())
                })
            });
        }
        all_are_slow.wait();
        let quick = in_lanes(&QUICK_ONE, &SLOW_ONE, 2 * QUICK, Ok);
        assert_eq!(quick.ok(), Some(QUICK));
        let short = in_lanes(&QUICK_ONE, &SLOW_ONE, QUICK / 2, |_| {
            Err::<(), _>(HelperError::OutOfTime)
        });
        assert!(
            matches!(short, Err(HelperError::OutOfTime)),
            "it has had its time"
        );
    }
}
