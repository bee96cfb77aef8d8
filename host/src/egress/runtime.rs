//! Threads for the network alone. What upstreams send is read here, so that a flood of bytes takes a worker from no poll,
//! no sink and no monitor; and that of an origin that has flooded before, with low priority, so that it takes as little from other
//! sources' connections.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use hyper::rt::Executor;
use tokio::runtime::{Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use super::account::Account;
use crate::work::{low_priority, runtime};

/// More threads than this bring nothing: decrypting is fast.
const MOST_THREADS: usize = 4;

/// Where a source's connections belong at present.
fn handle_for(account: &Account) -> &'static Handle {
    match account.has_offenders() {
        true => low_priority::for_connections().unwrap_or_else(handle),
        false => handle(),
    }
}

/// The runtime of all other connections. It lives as long as the process.
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

/// Runs a source's task on the network's threads until whoever waits for it goes away.
pub(super) fn spawn<T: Send + 'static>(
    account: &Account,
    task: impl Future<Output = T> + Send + 'static,
) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(handle_for(account).spawn(task))
}

/// Runs what a source's connections do beside their requests.
#[derive(Debug, Clone)]
pub(super) struct EgressExecutor(pub(super) Arc<Account>);

impl<F> Executor<F> for EgressExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        handle_for(&self.0).spawn(task);
    }
}
