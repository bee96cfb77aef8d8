//! Threads of their own for computing over what plugins return and receivers answer: text to redact, JSON to judge. The
//! amount is theirs to choose, so none of it runs where polls, sinks and `/healthz` wait for their turn.

#![expect(clippy::disallowed_methods, reason = "its threads wait for work")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};

/// Threads at most; the machine's cores, if they are fewer.
const MOST_THREADS: usize = 4;
/// Work that is not done after this time is given up, however long its call may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Why work was not done.
#[derive(Debug, Error)]
pub(crate) enum ComputeError {
    /// It took too long, or had to wait too long behind other work of its source.
    #[error("it could not be examined within {}", humantime::format_duration(LONGEST))]
    Overrun,
    /// It panicked.
    #[error("it could not be examined: the host has a defect there")]
    Panicked,
}

/// One source's access, or one receiver's, to the threads: one piece of work at a time, so that no source fills them.
#[derive(Debug, Clone)]
pub(crate) struct Compute(Arc<Semaphore>);

impl Default for Compute {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

type Job = Box<dyn FnOnce() + Send>;

static QUEUE: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Job>();
    let receiver = Arc::new(Mutex::new(receiver));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for number in 0..cores.min(MOST_THREADS) {
        let receiver = receiver.clone();
        // Without one of its threads the queue is shorter of hands, and work reports that it was not done in time.
        let _ = thread::Builder::new()
            .name(format!("compute-{number}"))
            .spawn(move || work_off(&receiver));
    }
    sender
});

fn work_off(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(mpsc::RecvError) => return,
        }
    }
}

impl Compute {
    /// Does work on one of the threads. Work that nobody waits for any more is not begun.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ComputeError> {
        let turn = async {
            // Never closed: nobody but this source has it.
            let permit = self.0.clone().acquire_owned().await.ok();
            let (done, result) = oneshot::channel();
            let job: Job = Box::new(move || {
                if !done.is_closed() {
                    let outcome = catch_unwind(AssertUnwindSafe(work));
                    drop(permit);
                    let _ = done.send(outcome);
                }
            });
            // The threads last as long as the process.
            let _ = QUEUE.send(job);
            result.await
        };
        match tokio::time::timeout(LONGEST, turn).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(_) => Err(ComputeError::Panicked),
            Err(_) => Err(ComputeError::Overrun),
        }
    }
}

/// Does work at once, for what takes less time than handing it to another thread.
pub(crate) fn here<T>(work: impl FnOnce() -> T) -> Result<T, ComputeError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| ComputeError::Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_elsewhere_and_a_panic_costs_only_itself() {
        let compute = Compute::default();
        let here = thread::current().id();
        let there = compute.run(|| thread::current().id()).await.unwrap();
        assert_ne!(here, there);
        let panicked = compute.run(|| std::panic::resume_unwind(Box::new("x"))).await;
        assert!(matches!(panicked, Err::<(), _>(ComputeError::Panicked)));
        assert_eq!(compute.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_source_has_one_piece_of_work_at_a_time_and_others_do_not_wait_for_it() {
        let (one, two) = (Compute::default(), Compute::default());
        let (go, wait) = mpsc::channel::<()>();
        let first = one.run(move || wait.recv().is_ok());
        let mut first = Box::pin(first);
        assert!(
            tokio::time::timeout(Duration::from_millis(10), &mut first)
                .await
                .is_err()
        );
        let second = one.run(|| true);
        let mut second = Box::pin(second);
        assert!(
            tokio::time::timeout(Duration::from_millis(10), &mut second)
                .await
                .is_err()
        );
        if thread::available_parallelism().map_or(1, usize::from) > 1 {
            assert!(two.run(|| true).await.unwrap());
        }
        go.send(()).unwrap();
        assert!(first.await.unwrap() && second.await.unwrap());
    }
}
