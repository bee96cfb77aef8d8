//! Threads for the network alone. What upstreams send is read here, so that a flood of bytes takes a worker from no poll,
//! no sink and no monitor.

use std::future::Future;
use std::sync::OnceLock;

use hyper::rt::Executor;
use tokio::runtime::{Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::work::runtime;

/// More threads than this bring nothing: decrypting is fast.
const MOST_THREADS: usize = 4;

/// The runtime of all connections of sources. It lives as long as the process.
fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        // Names are looked up on threads of their own (see `lookup`): nothing here blocks.
        runtime::builder("egress", MOST_THREADS)
            .build()
            .expect("the first threads of a process can be started")
    });
    runtime.handle()
}

/// Runs a task on the network's threads until whoever waits for it goes away.
pub(super) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(handle().spawn(task))
}

/// Runs what connections do beside their requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct EgressExecutor;

impl<F> Executor<F> for EgressExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        handle().spawn(task);
    }
}
