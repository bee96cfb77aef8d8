//! Work on a file that may block: on a slow disk, a network file system that hangs, a lock of somebody else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::spare_threads;

/// Writing and syncing a batch takes a fraction of this on any disk that works.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The work on one file: one piece at a time, on a thread that nobody else uses meanwhile.
///
/// A file that hangs keeps one thread, and no other file waits for it.
/// A process has at most as many of them as files.
#[derive(Debug, Clone)]
pub(crate) struct FileWork {
    turn: Arc<Semaphore>,
    timeout: Option<Duration>,
}

impl Default for FileWork {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            timeout: Some(TIMEOUT),
        }
    }
}

impl FileWork {
    /// For a file that makes its writer wait by nature, such as a pipe with a slow reader: without a time-out.
    pub(crate) fn patient() -> Self {
        Self {
            timeout: None,
            ..Self::default()
        }
    }

    /// Does something with the file and waits for the end, at most for the time-out. What takes longer goes on, and the
    /// next piece of work waits for it, at most for the time-out again.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.within(self.turn.clone().acquire_owned()).await?;
        let turn = turn.map_err(io::Error::other)?;
        let done = self.within(start(turn, work)?).await?;
        done.map_err(|_| io::Error::other("the work on the file ended unexpectedly"))?
    }

    async fn within<F: Future>(&self, future: F) -> io::Result<F::Output> {
        let Some(timeout) = self.timeout else {
            return Ok(future.await);
        };
        tokio::time::timeout(timeout, future).await.map_err(|_| {
            let problem =
                "the file system does not respond; check the disk, or the network it is mounted over";
            io::Error::new(io::ErrorKind::TimedOut, problem)
        })
    }
}

/// Starts a piece of work, which keeps the turn until it ends.
fn start<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<oneshot::Receiver<io::Result<T>>> {
    let (sender, done) = oneshot::channel();
    spare_threads::start(move || {
        let result = work();
        drop(turn);
        // Nobody may be waiting any more.
        let _ = sender.send(result);
    })?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_times_out_and_holds_up_its_own_file_only() {
        let work = |timeout| FileWork {
            timeout: Some(timeout),
            ..FileWork::default()
        };
        let (stuck, other) = (work(Duration::from_millis(20)), work(TIMEOUT));
        let (release, hangs) = mpsc::channel::<()>();
        let first = stuck.run(move || Ok(hangs.recv().is_ok())).await;
        assert_eq!(first.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let second = stuck.run(|| Ok(())).await;
        assert_eq!(
            second.unwrap_err().kind(),
            io::ErrorKind::TimedOut,
            "it waits for the first"
        );
        assert_eq!(other.run(|| Ok(7)).await.unwrap(), 7);
        release.send(()).unwrap();
        let patient = FileWork {
            timeout: None,
            ..stuck
        };
        assert!(patient.run(|| Ok(())).await.is_ok(), "it works again");
    }
}
