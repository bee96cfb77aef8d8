//! Runtimes beside the one of the program.

use std::thread::available_parallelism;

use tokio::runtime::Builder;

/// A runtime with half as many threads as there are cores, and at most so many. Nothing that blocks belongs there.
pub(crate) fn builder(name: &str, most_threads: usize) -> Builder {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut builder = Builder::new_multi_thread();
    #[cfg(debug_assertions)]
    super::watchdog::watch(&mut builder);
    builder
        .worker_threads((cores / 2).clamp(1, most_threads))
        .thread_name(name)
        .max_blocking_threads(1)
        .enable_all();
    builder
}
