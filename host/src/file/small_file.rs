//! Reads the files that a configuration names: secrets, certificates, plugins, and the configuration itself.
//!
//! A file on a network mount can hang for ever, and no read of the system can be interrupted. So each read has a thread of
//! its own and a time-out; while one hangs, no second read of the same path is begun, and its thread ends when the system
//! answers. Nothing here waits on a worker of the runtime, but for the function whose name says so.

#![expect(
    clippy::disallowed_methods,
    reason = "each file is read on a thread of its own"
)]

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use crate::work::spare_threads;

/// Reads at once, those aside that seem to hang.
const READS_AT_ONCE: usize = 16;
/// After this time a read seems to hang, and makes room for others.
const SUSPICIOUS: Duration = Duration::from_secs(1);
/// Reads that hang at once. Each is a thread; a source has one or two of them.
const MOST_HANGING: usize = 1_024;

/// What a file is for: how much of it is read, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Purpose {
    /// Bytes; a larger file is refused.
    limit: u64,
    patience: Duration,
}

impl Purpose {
    /// A secret: longer text is a mistyped path.
    pub const SECRET: Self = Self::new(64 << 10, 10);
    /// Certificate authorities: the bundle of a whole system has a quarter of that.
    pub const CERTIFICATES: Self = Self::new(1 << 20, 10);
    /// A configuration file: ten thousand tenants have a third of that.
    pub const CONFIGURATION: Self = Self::new(16 << 20, 10);
    /// A component: one that brings a whole language along has a fifth of that.
    pub const PLUGIN: Self = Self::new(256 << 20, 60);

    const fn new(limit: u64, seconds: u64) -> Self {
        Self {
            limit,
            patience: Duration::from_secs(seconds),
        }
    }
}

static FILES: LazyLock<SmallFiles> = LazyLock::new(SmallFiles::new);

/// The content of a regular file.
///
/// # Errors
///
/// What is wrong but not with which file; its kind is `TimedOut` for one that hangs.
pub async fn read(path: &Path, purpose: Purpose) -> io::Result<Vec<u8>> {
    FILES.read(path, purpose, read_now).await
}

/// The same for callers that may wait: never to be called on a worker of the runtime.
///
/// # Errors
///
/// As of [`read`].
pub fn read_blocking(path: &Path, purpose: Purpose) -> io::Result<Vec<u8>> {
    FILES.read_blocking(path, purpose, read_now)
}

/// The same without a time-out and on the calling thread, which the file keeps for as long as it hangs.
///
/// # Errors
///
/// What is wrong but not with which file.
pub fn read_patiently(path: &Path, purpose: Purpose) -> io::Result<Vec<u8>> {
    read_now(path, purpose.limit)
}

/// How a file is really read; tests have files that hang.
type ReadNow = fn(&Path, u64) -> io::Result<Vec<u8>>;

type Flights = HashMap<(PathBuf, Purpose), Arc<Flight>>;

/// The reads in flight, by file.
struct SmallFiles {
    flights: Arc<Mutex<Flights>>,
    permits: Semaphore,
}

/// One read in flight.
struct Flight {
    started: Instant,
    outcome: Mutex<Option<Outcome>>,
    ended: Condvar,
    notify: Notify,
}

/// Shared by all who wait for it.
type Outcome = Result<Arc<Vec<u8>>, (io::ErrorKind, String)>;

impl SmallFiles {
    fn new() -> Self {
        Self {
            flights: Arc::default(),
            permits: Semaphore::new(READS_AT_ONCE),
        }
    }

    async fn read(&self, path: &Path, purpose: Purpose, read_now: ReadNow) -> io::Result<Vec<u8>> {
        let called = Instant::now();
        loop {
            let permit = self.permits.acquire().await;
            let flight = self.begin(path, purpose, read_now)?;
            let mut outcome = flight.ended_within(SUSPICIOUS.min(purpose.patience)).await;
            drop(permit);
            if outcome.is_none() {
                let left = purpose.patience.saturating_sub(flight.started.elapsed());
                outcome = flight.ended_within(left).await;
            }
            if let Some(settled) = flight.settle(outcome, called, purpose) {
                return settled;
            }
        }
    }

    fn read_blocking(&self, path: &Path, purpose: Purpose, read_now: ReadNow) -> io::Result<Vec<u8>> {
        let called = Instant::now();
        loop {
            let flight = self.begin(path, purpose, read_now)?;
            let left = purpose.patience.saturating_sub(flight.started.elapsed());
            let waiting = lock(&flight.outcome);
            let waited = flight
                .ended
                .wait_timeout_while(waiting, left, |outcome| outcome.is_none());
            let outcome = waited.unwrap_or_else(PoisonError::into_inner).0.clone();
            if let Some(settled) = flight.settle(outcome, called, purpose) {
                return settled;
            }
        }
    }

    /// The read of this file that is in flight, or a new one.
    fn begin(&self, path: &Path, purpose: Purpose, read_now: ReadNow) -> io::Result<Arc<Flight>> {
        let key = (path.to_owned(), purpose);
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(&key) {
            return Ok(flight.clone());
        }
        if flights.len() >= MOST_HANGING {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{MOST_HANGING} other files hang already; check the mounts of this machine"),
            ));
        }
        let flight = Arc::new(Flight {
            started: Instant::now(),
            outcome: Mutex::default(),
            ended: Condvar::new(),
            notify: Notify::new(),
        });
        let (all, this) = (self.flights.clone(), flight.clone());
        let read = {
            let key = key.clone();
            move || {
                let outcome = read_now(&key.0, purpose.limit);
                // Whoever asks from now on gets a new read.
                lock(&all).remove(&key);
                this.end(outcome);
            }
        };
        spare_threads::start(read)?;
        flights.insert(key, flight.clone());
        Ok(flight)
    }
}

impl Flight {
    fn end(&self, outcome: io::Result<Vec<u8>>) {
        let outcome = outcome
            .map(Arc::new)
            .map_err(|error| (error.kind(), error.to_string()));
        *lock(&self.outcome) = Some(outcome);
        self.ended.notify_all();
        self.notify.notify_waiters();
    }

    async fn ended_within(&self, time: Duration) -> Option<Outcome> {
        let notified = self.notify.notified();
        tokio::pin!(notified);
        // Before the outcome is looked at, so that none is missed between.
        notified.as_mut().enable();
        if let Some(outcome) = lock(&self.outcome).clone() {
            return Some(outcome);
        }
        let _ = tokio::time::timeout(time, notified).await;
        lock(&self.outcome).clone()
    }

    /// What somebody gets who asked at `called`; none when the read began before that, and may have missed a change.
    fn settle(
        &self,
        outcome: Option<Outcome>,
        called: Instant,
        purpose: Purpose,
    ) -> Option<io::Result<Vec<u8>>> {
        match outcome {
            None => Some(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "it did not answer within {:?} and still hangs; check the mount or the volume that it is on",
                    purpose.patience
                ),
            ))),
            Some(_) if self.started < called => None,
            Some(Ok(bytes)) => Some(Ok(Arc::unwrap_or_clone(bytes))),
            Some(Err((kind, text))) => Some(Err(io::Error::new(kind, text))),
        }
    }
}

/// Reads a regular file of at most so many bytes.
fn read_now(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Before it is opened, because opening a device can do things.
    check_kind(&std::fs::metadata(path)?)?;
    let file = open(path)?;
    // And again, because the path may lead elsewhere by now.
    check_kind(&file.metadata()?)?;
    let mut bytes = Vec::new();
    // What the system says about its length may not be true.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than the {limit} bytes that are read of such a file; check the path"),
        ));
    }
    Ok(bytes)
}

/// Opens a file without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    options.open(path)
}

fn check_kind(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() {
        "a directory"
    } else {
        "a pipe, a device or a socket"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {kind}; only regular files are read"),
    ))
}

/// Each change is complete in itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Purpose = Purpose {
        limit: 8,
        patience: Duration::from_millis(50),
    };

    /// A file that hangs until a file beside it exists.
    fn hang(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        while !path.with_extension("answer").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        read_now(path, limit)
    }

    #[tokio::test]
    async fn a_file_that_hangs_is_read_once_and_by_itself_again_when_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "one").unwrap();
        let files = SmallFiles::new();
        for _ in 0..3 {
            let error = files.read(&path, QUICK, hang).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
            assert_eq!(
                lock(&files.flights).len(),
                1,
                "one thread, however often it is asked for"
            );
        }
        let error = files.read_blocking(&path, QUICK, hang).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        std::fs::write(path.with_extension("answer"), "").unwrap();
        while !lock(&files.flights).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(files.read(&path, Purpose::SECRET, hang).await.unwrap(), b"one");
        assert_eq!(files.read_blocking(&path, Purpose::SECRET, hang).unwrap(), b"one");
    }

    #[tokio::test]
    async fn files_that_hang_do_not_hold_up_others() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(SmallFiles::new());
        let hanging: Vec<_> = (0..READS_AT_ONCE * 3)
            .map(|number| {
                let (files, path) = (files.clone(), folder.path().join(number.to_string()));
                tokio::spawn(async move { files.read(&path, QUICK, hang).await.is_err() })
            })
            .collect();
        for task in hanging {
            assert!(task.await.unwrap());
        }
        let path = folder.path().join("good");
        std::fs::write(&path, "good").unwrap();
        assert_eq!(
            files.read(&path, Purpose::SECRET, read_now).await.unwrap(),
            b"good"
        );
    }

    #[tokio::test]
    async fn only_regular_files_up_to_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345678").unwrap();
        assert_eq!(read(&path, QUICK).await.unwrap(), b"12345678");
        std::fs::write(&path, "123456789").unwrap();
        for (path, words) in [
            (path.as_path(), "more than the 8 bytes"),
            (folder.path(), "a directory"),
            #[cfg(unix)]
            (Path::new("/dev/zero"), "a pipe, a device"),
        ] {
            let error = read(path, QUICK).await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let error = read(&folder.path().join("none"), QUICK).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_pipe_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()));
        let error = read(&path, Purpose::SECRET).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }

    #[tokio::test]
    async fn a_read_that_began_before_a_change_is_not_handed_to_who_asks_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "old").unwrap();
        let files = Arc::new(SmallFiles::new());
        let early = {
            let (files, path) = (files.clone(), path.clone());
            tokio::spawn(async move { files.read(&path, Purpose::SECRET, hang).await })
        };
        while lock(&files.flights).is_empty() {
            tokio::task::yield_now().await;
        }
        let late = {
            let (files, path) = (files.clone(), path.clone());
            tokio::spawn(async move {
                std::fs::write(&path, "new").unwrap();
                std::fs::write(path.with_extension("answer"), "").unwrap();
                files.read(&path, Purpose::SECRET, hang).await
            })
        };
        assert!(early.await.unwrap().is_ok());
        assert_eq!(late.await.unwrap().unwrap(), b"new");
    }
}
