//! The open connections: a bounded number, and a new one is never turned away for old ones.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tracing::debug;

/// Open connections. An answer takes milliseconds, so that a hundred of them are enough for every scraper, browser and probe.
const MOST: usize = 128;

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By age, the oldest first.
    tasks: BTreeMap<u64, (IpAddr, AbortHandle)>,
}

impl Connections {
    /// Runs a connection. Where there are too many already, the oldest of the client that has the most is closed for it.
    pub(super) fn spawn(&self, client: IpAddr, connection: impl Future<Output = ()> + Send + 'static) {
        // Held until the task is entered, so that it cannot leave before.
        let mut open = self.open();
        if open.tasks.len() >= MOST {
            open.close_one();
        }
        let number = open.next;
        open.next += 1;
        let leave = Leave(self.clone(), number);
        let task = tokio::spawn(async move {
            connection.await;
            drop(leave);
        });
        open.tasks.insert(number, (client, task.abort_handle()));
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn close_one(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (client, _) in self.tasks.values() {
            *counts.entry(*client).or_default() += 1;
        }
        let busiest = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(client, _)| client);
        let oldest = self
            .tasks
            .iter()
            .find(|(_, (client, _))| Some(*client) == busiest);
        if let Some(number) = oldest.map(|(number, _)| *number)
            && let Some((client, task)) = self.tasks.remove(&number)
        {
            debug!(%client, "too many connections: its oldest is closed");
            task.abort();
        }
    }
}

/// Takes a connection off the list, however its task ends.
struct Leave(Connections, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.open().tasks.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const QUIET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[tokio::test]
    async fn the_client_with_the_most_connections_loses_its_oldest() {
        let connections = Connections::default();
        let numbers = |of: IpAddr| -> Vec<u64> {
            let open = connections.open();
            open.tasks
                .iter()
                .filter(|(_, (client, _))| *client == of)
                .map(|(number, _)| *number)
                .collect()
        };
        connections.spawn(QUIET, std::future::pending());
        for _ in 0..2 * MOST {
            connections.spawn(NOISY, std::future::pending());
        }
        assert_eq!(numbers(QUIET), [0]);
        let noisy = numbers(NOISY);
        assert_eq!((noisy.len(), noisy.last()), (MOST - 1, Some(&(2 * MOST as u64))));
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_is_off_the_list() {
        let connections = Connections::default();
        connections.spawn(QUIET, async {});
        tokio::task::yield_now().await;
        assert!(connections.open().tasks.is_empty());
    }
}
