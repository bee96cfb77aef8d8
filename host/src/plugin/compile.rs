//! Compiling, in a process of its own where there is one, with bounds for memory and time.

#![expect(
    clippy::disallowed_methods,
    reason = "plugins are loaded on threads that may wait"
)]

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};

use thiserror::Error;
use wasmtime::Engine;

use super::audit::CompileLimits;
use super::compile_process::{self, HelperError};
use super::native::Artifact;

/// Plugins that are compiled at once. The compiler uses all processors for one, and takes its memory for each.
const AT_ONCE: usize = 2;

/// Why a plugin could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CompileError {
    /// The compiler does not accept it.
    #[error("{0}")]
    Broken(String),
    /// The compiler was stopped, or has crashed.
    #[error("{0}")]
    Stopped(String),
}

/// Compiles a component that was audited. Blocks.
pub(super) fn compile(
    engine: &Engine,
    bytes: &[u8],
    limits: &CompileLimits,
) -> Result<Artifact, CompileError> {
    let _turn = Turn::wait();
    let stopped = |what: &dyn fmt::Display, key: &str| {
        CompileError::Stopped(format!("{what}; if you trust it, raise `compile.{key}`"))
    };
    match compile_process::compile(bytes, limits) {
        Ok(artifact) => Ok(Artifact::verified(artifact)),
        Err(HelperError::Unavailable) => in_this_process(engine, bytes),
        Err(HelperError::Refused(reason)) => Err(CompileError::Broken(reason)),
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

/// For programs that have no process that helps.
fn in_this_process(engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
    let compiled = engine.precompile_component(bytes);
    compiled
        .map(Artifact::verified)
        .map_err(|error| CompileError::Broken(error.root_cause().to_string()))
}

static TURNS: Mutex<usize> = Mutex::new(AT_ONCE);
static IS_FREE: Condvar = Condvar::new();

/// The right to compile.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = IS_FREE.wait_while(turns, |free| *free == 0);
        *turns.unwrap_or_else(PoisonError::into_inner) -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        IS_FREE.notify_one();
    }
}
