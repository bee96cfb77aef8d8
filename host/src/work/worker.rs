//! A thread of its own for work that may block, with a bounded queue and a time-out for whoever waits.
//!
//! The blocking threads of the runtime are shared by everything. What must not fail together with the rest, or make the rest
//! fail, runs here.

#![expect(
    clippy::disallowed_methods,
    reason = "waits on the thread that starts or drops it, which may"
)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc as std_mpsc};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait for the thread; more wait with their senders.
const QUEUE: usize = 64;
/// How long dropping waits for the thread to finish what it does and to close what it holds.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum WorkerError {
    /// Not within the time that the caller gave.
    #[error("no answer in time")]
    Slow,
    /// The job panicked, or the thread has ended.
    #[error("the work was given up")]
    Lost,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A thread that holds a `T` and works on it, one job at a time in the order of their arrival.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    /// None only while dropping.
    jobs: Option<mpsc::Sender<Job<T>>>,
    /// Closed when the thread has dropped its `T`.
    ended: Mutex<std_mpsc::Receiver<()>>,
}

impl<T: 'static> Worker<T> {
    /// Starts the thread, makes its `T` there, and waits for that; `still` is called each time that `every` has passed
    /// meanwhile.
    pub(crate) fn start<E: Send + From<io::Error> + 'static>(
        name: &str,
        make: impl FnOnce() -> Result<T, E> + Send + 'static,
        every: Duration,
        still: impl Fn(),
    ) -> Result<Self, E> {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(QUEUE);
        let (made, is_made) = std_mpsc::channel();
        let (end, ended) = std_mpsc::channel();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped last, after the `T`.
            let _end: std_mpsc::Sender<()> = end;
            let mut held = match make() {
                Ok(held) => {
                    let _ = made.send(Ok(()));
                    held
                }
                Err(error) => {
                    let _ = made.send(Err(error));
                    return;
                }
            };
            while let Some(job) = queue.blocking_recv() {
                // The sender of the reply is dropped by a panic, which tells whoever waits.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&mut held)));
            }
        })?;
        loop {
            match is_made.recv_timeout(every) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return Err(error),
                Err(std_mpsc::RecvTimeoutError::Timeout) => still(),
                Err(std_mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread has panicked").into());
                }
            }
        }
        Ok(Self {
            jobs: Some(jobs),
            ended: Mutex::new(ended),
        })
    }

    /// Has the thread do `work`, and waits for its result for `patience` at most. Work whose caller has given up before its
    /// turn came is not done.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, WorkerError> {
        let Some(jobs) = &self.jobs else {
            return Err(WorkerError::Lost);
        };
        let (reply, result) = oneshot::channel();
        let job = Box::new(move |held: &mut T| {
            if !reply.is_closed() {
                let _ = reply.send(work(held));
            }
        });
        let done = async {
            jobs.send(job).await.map_err(|_| WorkerError::Lost)?;
            result.await.map_err(|_| WorkerError::Lost)
        };
        tokio::time::timeout(patience, done)
            .await
            .unwrap_or(Err(WorkerError::Slow))
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // An error is what it waits for: the other end is gone.
        let _ = ended.recv_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn worker() -> Worker<u32> {
        Worker::start("test", || Ok::<_, io::Error>(0), PATIENCE, || {}).unwrap()
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_caller_and_nobody_else() {
        let worker = worker();
        let lost = worker.run(PATIENCE, |_| panic!("on purpose")).await;
        assert_eq!(lost, Err::<(), _>(WorkerError::Lost));
        assert_eq!(
            worker
                .run(PATIENCE, |held| {
                    *held += 1;
                    *held
                })
                .await,
            Ok(1)
        );
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_and_the_job_is_not_done_later() {
        let worker = worker();
        let (release, released) = std_mpsc::channel::<()>();
        let hung = worker.run(Duration::from_millis(20), move |_| {
            let _ = released.recv();
        });
        assert_eq!(hung.await, Err(WorkerError::Slow));
        let behind = worker.run(Duration::from_millis(20), |held| *held += 1);
        assert_eq!(behind.await, Err(WorkerError::Slow));
        drop(release);
        assert_eq!(worker.run(PATIENCE, |held| *held).await, Ok(0));
    }

    #[test]
    fn what_cannot_be_made_is_the_error_of_the_start() {
        let failed = Worker::<()>::start("test", || Err(io::Error::other("no")), PATIENCE, || {});
        assert_eq!(failed.unwrap_err().to_string(), "no");
    }
}
