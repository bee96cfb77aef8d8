//! Looking up names, on threads that do nothing else.
//!
//! The system's resolver blocks, for half a minute where a name server is silent, and cannot be interrupted. So lookups
//! never run on the runtime's own threads, and a source whose names hang waits for itself: it has a few lookups at a
//! time, and so has every receiver, proxy and registry. Whoever asks for a name that is being looked up waits for the same answer.

#![expect(
    clippy::disallowed_methods,
    reason = "names are looked up on threads of their own"
)]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Lookups of one source, receiver, proxy or registry that go on at the same time.
const LOOKUPS_PER_SOURCE: usize = 4;
/// Lookups of the process, each of which takes a thread.
const LOOKUPS_AT_ONCE: usize = 256;
/// The resolver's own work fits into this many times over.
const STACK_BYTES: usize = 256 << 10;
/// How long somebody waits for an answer. A name server that answers at all does so within a second or two.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer is used again: connections that are made together ask once.
const FRESH: Duration = Duration::from_secs(10);
/// The same for "there is no such name".
const FRESH_FAILURE: Duration = Duration::from_secs(1);
/// Answers that are kept.
const MOST_KEPT: usize = 1_024;

/// What came of a lookup.
type Found = Result<Arc<[IpAddr]>, Failed>;

/// A lookup brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The name does not exist, or nobody knows it now.
    Unknown,
    /// No name server answered in time.
    Silent,
}

/// The lookups that one of them may have going.
#[derive(Debug, Clone)]
pub(super) struct LookupShare(Arc<Semaphore>);

impl Default for LookupShare {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_PER_SOURCE)))
    }
}

impl LookupShare {
    /// As it is when all its lookups hang.
    #[cfg(test)]
    pub(super) fn used_up() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// The addresses of a name.
    pub(super) async fn look_up(&self, host: &str) -> Found {
        let found = tokio::time::timeout(PATIENCE, self.wait_for(host, resolve));
        found.await.unwrap_or(Err(Failed::Silent))
    }

    async fn wait_for(&self, host: &str, resolve: fn(&str) -> io::Result<Vec<IpAddr>>) -> Found {
        let lookups = lookups();
        if let Some(known) = lookups.known(host) {
            return known.found().await;
        }
        // Neither is ever closed.
        let (Ok(own), Ok(shared)) = (
            self.0.clone().acquire_owned().await,
            lookups.room.clone().acquire_owned().await,
        ) else {
            return Err(Failed::Unknown);
        };
        lookups.start(host, resolve, (own, shared)).found().await
    }
}

fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// All lookups of the process.
struct Lookups {
    room: Arc<Semaphore>,
    names: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    answer: watch::Receiver<Option<Found>>,
    /// When it is too old to be used; none while the lookup goes on.
    until: Option<Instant>,
}

impl Known {
    async fn found(mut self) -> Found {
        match self.answer.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or(Err(Failed::Unknown)),
            Err(_) => Err(Failed::Unknown),
        }
    }
}

fn lookups() -> &'static Lookups {
    static LOOKUPS: OnceLock<Lookups> = OnceLock::new();
    LOOKUPS.get_or_init(|| Lookups {
        room: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
        names: Mutex::default(),
    })
}

impl Lookups {
    fn names(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, host: &str) -> Option<Known> {
        let names = self.names();
        names.get(host).filter(|known| known.is_fresh()).cloned()
    }

    /// Starts a lookup, unless somebody else has meanwhile. The permits are held until the system's resolver returns.
    fn start(
        &'static self,
        host: &str,
        resolve: fn(&str) -> io::Result<Vec<IpAddr>>,
        permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    ) -> Known {
        let mut names = self.names();
        if let Some(known) = names.get(host).filter(|known| known.is_fresh()) {
            return known.clone();
        }
        if names.len() >= MOST_KEPT {
            names.retain(|_, known| known.is_fresh());
        }
        let (sender, answer) = watch::channel(None);
        let known = Known { answer, until: None };
        names.insert(host.to_owned(), known.clone());
        drop(names);
        let name = host.to_owned();
        let thread = std::thread::Builder::new()
            .name("lookup".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let found: Found = resolve(&name).map(Arc::from).map_err(|_| Failed::Unknown);
                self.finish(&name, &found);
                sender.send_replace(Some(found));
                drop(permits);
            });
        if thread.is_err() {
            // The sender is gone with the thread that was not started; waiters see that.
            self.names().remove(host);
        }
        known
    }

    /// Says from when on the answer is too old. What cannot be kept is forgotten; those who wait have their channel.
    fn finish(&self, host: &str, found: &Found) {
        let mut names = self.names();
        let fresh = if found.is_ok() { FRESH } else { FRESH_FAILURE };
        if names.len() > MOST_KEPT {
            names.remove(host);
        } else if let Some(known) = names.get_mut(host) {
            known.until = Some(Instant::now() + fresh);
        }
    }
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    fn slow(_: &str) -> io::Result<Vec<IpAddr>> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
        Ok(vec![IpAddr::from([192, 0, 2, 1])])
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_wait_for_it() {
        let shares = [LookupShare::default(), LookupShare::default()];
        let waiting: Vec<_> = (0..100)
            .map(|number| {
                let share = shares[number % 2].clone();
                tokio::spawn(async move { share.wait_for("shared.example", slow).await })
            })
            .collect();
        for found in waiting {
            assert_eq!(found.await.unwrap().unwrap().len(), 1);
        }
        assert!(shares[0].wait_for("shared.example", slow).await.is_ok());
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    }

    /// Hangs for longer than the test takes.
    fn hung(_: &str) -> io::Result<Vec<IpAddr>> {
        std::thread::sleep(2 * PATIENCE);
        Err(io::Error::other("no name server"))
    }

    fn quick(_: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![])
    }

    #[tokio::test]
    async fn a_source_whose_lookups_hang_waits_alone() {
        let (hanging, honest) = (LookupShare::default(), LookupShare::default());
        let waiting: Vec<_> = (0..3 * LOOKUPS_PER_SOURCE)
            .map(|number| {
                let share = hanging.clone();
                tokio::spawn(async move { share.wait_for(&format!("hung-{number}.example"), hung).await })
            })
            .collect();
        while hanging.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let found = tokio::time::timeout(PATIENCE, honest.wait_for("quick.example", quick)).await;
        assert!(found.is_ok_and(|found| found.is_ok()), "the honest one waited");
        let going = lookups()
            .names()
            .keys()
            .filter(|name| name.starts_with("hung-"))
            .count();
        assert_eq!(going, LOOKUPS_PER_SOURCE);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
