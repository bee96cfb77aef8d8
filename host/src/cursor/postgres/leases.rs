//! Which sources this host may commit for, and under which epochs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The leases that this host believes to have. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    changed: watch::Sender<()>,
    refused: Notify,
}

#[derive(Debug, Default)]
struct Held {
    epochs: HashMap<String, i64>,
    /// Until when no other host can have taken any of them, by this machine's own clock, which is only used to save work.
    until: Option<Instant>,
}

impl Leases {
    /// The epoch under which this host has a source.
    pub(super) fn epoch(&self, source: &str) -> Option<i64> {
        self.held().epochs.get(source).copied()
    }

    /// Notes a lease. Only to be called when no earlier reading of the source can still commit: it would do so under the new
    /// epoch, with a cursor of the old one.
    pub(super) fn hold(&self, source: &str, epoch: i64) {
        self.held().epochs.insert(source.to_owned(), epoch);
        self.0.changed.send_replace(());
    }

    /// Notes that a lease is over.
    pub(super) fn release(&self, source: &str) {
        self.held().epochs.remove(source);
    }

    /// Notes that all leases were renewed.
    pub(super) fn renewed(&self, until: Instant) {
        self.held().until = Some(until);
        self.0.changed.send_replace(());
    }

    /// Notes that the database has refused something under this epoch: whoever looks after the leases is told.
    pub(super) fn refused(&self, source: &str, epoch: i64) {
        let mut held = self.held();
        if held.epochs.get(source) == Some(&epoch) {
            held.epochs.remove(source);
            drop(held);
            self.0.refused.notify_one();
        }
    }

    /// Waits until the database has refused something.
    pub(super) async fn any_refused(&self) {
        self.0.refused.notified().await;
    }

    /// Waits until this host has a source beyond doubt.
    pub(super) async fn sure(&self, source: &str) {
        let mut changes = self.0.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if self.is_sure(source) {
                return;
            }
            // The sender lives as long as this.
            let _ = changes.changed().await;
        }
    }

    fn is_sure(&self, source: &str) -> bool {
        let held = self.held();
        held.epochs.contains_key(source) && held.until.is_some_and(|until| Instant::now() < until)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_source_is_not_read_while_its_lease_is_in_doubt() {
        let leases = Leases::default();
        let lease = Duration::from_secs(30);
        let waits = || tokio::time::timeout(Duration::from_secs(1), leases.sure("contoso"));
        assert!(waits().await.is_err(), "no lease");
        leases.hold("contoso", 1);
        assert!(waits().await.is_err(), "never renewed");
        leases.renewed(Instant::now() + lease);
        assert!(waits().await.is_ok());
        tokio::time::advance(lease).await;
        assert!(
            waits().await.is_err(),
            "as after a stop that was longer than the lease"
        );
        leases.renewed(Instant::now() + lease);
        assert!(waits().await.is_ok());
        leases.refused("contoso", 0);
        assert!(waits().await.is_ok(), "an earlier lease was refused");
        leases.refused("contoso", 1);
        assert!(waits().await.is_err());
        leases.any_refused().await;
    }
}
