//! How many connections sources may have open: each, and all together.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};

/// Files that state, sinks, dead letters, the monitor and plugins have open at their busiest.
const OTHER_FILES: u64 = 256;
/// All sources together, where the system would allow more.
const MOST_CONNECTIONS: u64 = 8_192;
/// An idle connection with TLS takes some 50 KB, and its upstream may make that somewhat more. What it holds of answers
/// counts for the call that asked.
const IDLE_BYTES: u64 = 100 << 10;
/// One source has a sixteenth of all, within these bounds. Eight partitions that are polled at once, each with a request
/// or two, need a dozen; with HTTP/2 one.
const SOURCE_SHARE: usize = 16;
const FEWEST_PER_SOURCE: usize = 8;
const MOST_PER_SOURCE: usize = 64;
/// Idle connections to one origin; as many as partitions of one source are polled at once.
const IDLE_PER_ORIGIN: usize = 8;

/// Connections of all sources, for so many files that this process may have open, half of what others leave; and for so
/// much memory.
fn all_connections(files: u64, memory: u64) -> usize {
    let connections = (files.saturating_sub(OTHER_FILES) / 2).min(memory / IDLE_BYTES);
    usize::try_from(connections.clamp(64, MOST_CONNECTIONS)).unwrap_or(64)
}

fn connections_per_source(all: usize) -> usize {
    (all / SOURCE_SHARE).clamp(FEWEST_PER_SOURCE, MOST_PER_SOURCE)
}

/// Who waits for a connection asks again for an idle one's place after this time: there may have been none.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The places of connections that sources share.
#[derive(Debug, Clone)]
struct Places {
    free: Arc<Semaphore>,
    /// Told when somebody waits and none is free. Who has listened longest is told first, gives up its place, and ends.
    wanted: Arc<Notify>,
}

impl Places {
    fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            wanted: Arc::default(),
        }
    }

    /// One of them. Idle connections of any source make room when none is free.
    async fn take(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        let mut place = pin!(self.free.clone().acquire_owned());
        loop {
            if self.free.available_permits() == 0 {
                self.wanted.notify_one();
            }
            if let Ok(place) = tokio::time::timeout(ASK_AGAIN, place.as_mut()).await {
                return place;
            }
        }
    }
}

/// Bytes that the process's connections may take; set at most once, before the first of them.
static MEMORY: OnceLock<u64> = OnceLock::new();

/// Bounds what all connections of sources together take. Without effect once there are any.
pub(crate) fn limit_connections(memory: u64) {
    let _ = MEMORY.set(memory);
}

/// The process's connections, counted when the first source needs one: the limit of files has been raised by then.
fn all() -> &'static (usize, Places) {
    static ALL: OnceLock<(usize, Places)> = OnceLock::new();
    ALL.get_or_init(|| {
        let files = rlimit::Resource::NOFILE.get().map_or(1_024, |(soft, _)| soft);
        let all = all_connections(files, MEMORY.get().copied().unwrap_or(u64::MAX));
        (all, Places::new(all))
    })
}

/// The connections of one source.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    own: Arc<Semaphore>,
    most: usize,
    shared: Places,
}

/// Held by a connection for as long as it is open.
pub(super) struct Permits {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
    wanted: Arc<Notify>,
}

impl Permits {
    /// Waits until another connection wants this one's place, as long as this one is idle.
    pub(super) fn wanted(&self) -> OwnedNotified {
        self.wanted.clone().notified_owned()
    }
}

impl Default for Connections {
    fn default() -> Self {
        let (all, shared) = all();
        Self::among(*all, shared.clone())
    }
}

impl Connections {
    fn among(all: usize, shared: Places) -> Self {
        let most = connections_per_source(all);
        Self {
            own: Arc::new(Semaphore::new(most)),
            most,
            shared,
        }
    }

    /// Idle connections that are kept for each of so many origins. Half of the source's connections are never kept idle,
    /// so that a new one need not wait for an old one's end.
    pub(super) fn idle_per_origin(&self, origins: usize) -> usize {
        (self.most / 2 / origins.max(1)).min(IDLE_PER_ORIGIN)
    }

    /// Waits until one more may be opened.
    pub(super) async fn wait(&self) -> Result<Permits, AcquireError> {
        // The own one first: who waits for that holds nothing that others wait for.
        Ok(Permits {
            _own: self.own.clone().acquire_owned().await?,
            _shared: self.shared.take().await?,
            wanted: self.shared.wanted.clone(),
        })
    }

    /// Several sources that have so many places together.
    #[cfg(test)]
    pub(super) fn of_sources<const N: usize>(count: usize) -> [Self; N] {
        let shared = Places::new(count);
        std::array::from_fn(|_| Self::among(count, shared.clone()))
    }

    /// How many may be open, and how many are.
    #[cfg(test)]
    pub(super) fn most_and_open(&self) -> (usize, usize) {
        (self.most, self.most - self.own.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_far_fewer_connections_than_the_process_files() {
        for (files, memory, expected_all, expected_own) in [
            (256, u64::MAX, 64, 8),
            (1_024, u64::MAX, 384, 24),
            (16_384, u64::MAX, 8_064, 64),
            (u64::MAX, u64::MAX, 8_192, 64),
            (16_384, 100 << 20, 1_024, 64),
            (1_024, 100 << 20, 384, 24),
            (16_384, 0, 64, 8),
        ] {
            let all = all_connections(files, memory);
            assert_eq!(
                (all, connections_per_source(all)),
                (expected_all, expected_own),
                "{files} {memory}"
            );
        }
    }

    #[tokio::test]
    async fn idle_connections_never_take_the_place_of_new_ones() {
        let connections = Connections::default();
        for origins in [0, 1, 2, 3, 10, 100, 1_000] {
            let idle = connections.idle_per_origin(origins) * origins;
            assert!(idle <= connections.most / 2, "{origins}: {idle}");
        }
        assert!(connections.idle_per_origin(2) >= 2);
    }
}
