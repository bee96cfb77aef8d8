//! Claims a host's share of the sources, renews its leases, and hands sources back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use super::PostgresStore;
use super::claims::{Card, Renewed};
use super::error::PostgresError;
use super::share::fair_share;
use crate::model::{Failure, Fault};
use crate::reading::Outage;

/// Renewals within a lease: two may fail before it ends.
const RENEWALS: u32 = 3;
/// After a failed renewal the next one comes sooner.
const RETRY: Duration = Duration::from_secs(1);
/// How much later than the end of another host's lease it is looked at.
const AFTER_THE_END: Duration = Duration::from_millis(200);

/// What has become of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This host has it from now on: it may be read.
    Claimed(String),
    /// This host is to stop reading it, and to say so with [`Control::ended`](super::Control::ended): another one is to have it, or has it.
    Stop(String),
}

/// How it stands, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The sources that this host has.
    pub held: BTreeSet<String>,
    /// The other hosts that live, by name.
    pub others: Vec<String>,
    /// Sources that nobody has.
    pub free: u64,
    /// Sources that were taken over from hosts whose leases had ended, by this host since its start.
    pub takeovers: u64,
    /// When the leases were renewed last.
    pub renewed: Option<Instant>,
    /// Why they cannot be renewed at present.
    pub problem: Option<String>,
}

/// What is said to it.
#[derive(Debug)]
pub(super) enum Command {
    Ended(String),
    Sources(Vec<String>, String),
    ClaimNoMore,
    Leave(oneshot::Sender<()>),
}

/// What happens with a source on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// It is read.
    On,
    /// It is to stop, and is handed back then.
    Returning,
    /// It is to stop, and is another host's already.
    Lost,
}

/// Looks after the leases.
pub(super) struct Keeper {
    store: PostgresStore,
    card: Card,
    is_registered: bool,
    may_claim: bool,
    /// What is read here, until it has ended.
    read: BTreeMap<String, Reading>,
    /// What has ended here and is still this host's.
    hand_back: BTreeSet<String>,
    changes: mpsc::UnboundedSender<Change>,
    show: watch::Sender<Standing>,
    outage: Outage,
    unlike: Vec<String>,
}

impl Keeper {
    pub(super) fn new(
        store: PostgresStore,
        card: Card,
        changes: mpsc::UnboundedSender<Change>,
        show: watch::Sender<Standing>,
    ) -> Self {
        Self {
            store,
            card,
            is_registered: false,
            may_claim: true,
            read: BTreeMap::new(),
            hand_back: BTreeSet::new(),
            changes,
            show,
            outage: Outage::default(),
            unlike: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Command>) {
        loop {
            let wait = match self.round().await {
                Ok(wait) => {
                    self.outage.over();
                    wait
                }
                Err(error) => self.failed(&error),
            };
            let end = Instant::now() + wait;
            loop {
                let order = tokio::select! {
                    () = tokio::time::sleep_until(end) => break,
                    () = self.store.0.leases.any_refused() => break,
                    order = orders.recv() => order,
                };
                match order {
                    None => return,
                    Some(Command::Leave(done)) => {
                        self.leave().await;
                        let _ = done.send(());
                        return;
                    }
                    Some(order) => {
                        let is_urgent = self.obey(order);
                        // Those that came together are carried out together.
                        if is_urgent && orders.is_empty() {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Whether something has to be said to the database at once.
    fn obey(&mut self, order: Command) -> bool {
        match order {
            Command::Ended(source) => match self.read.remove(&source) {
                Some(Reading::Lost) => true,
                Some(Reading::On | Reading::Returning) => {
                    self.store.0.leases.release(&source);
                    self.hand_back.insert(source);
                    true
                }
                None => false,
            },
            Command::Sources(sources, configuration) => {
                self.card.sources = sources;
                self.card.configuration = configuration;
                self.is_registered = false;
                true
            }
            Command::ClaimNoMore => {
                self.may_claim = false;
                false
            }
            // Carried out where it is received.
            Command::Leave(_) => false,
        }
    }

    /// Renews, stops what is lost or too much, claims what is free. Returns when to do so again.
    async fn round(&mut self) -> Result<Duration, PostgresError> {
        if !self.is_registered {
            self.store.register(&self.card.sources).await?;
            self.is_registered = true;
        }
        if !self.hand_back.is_empty() {
            let sources: Vec<String> = self.hand_back.iter().cloned().collect();
            self.store.hand_back(&sources).await?;
            self.hand_back.clear();
        }
        let sent = Instant::now();
        let renewed = self.store.renew(&self.card).await?;
        self.store.0.leases.renewed(sent + self.card.lease);
        self.reconcile(&renewed);
        self.compare(&renewed.unlike);
        let share = fair_share(self.card.sources.len(), 1 + renewed.alike.len());
        self.return_surplus(share);
        let mut taken = 0;
        if self.may_claim && renewed.free > 0 && self.count() < share {
            taken = self.claim(share - self.count()).await?;
        }
        self.tell(&renewed, taken, sent);
        Ok(self.pause(&renewed))
    }

    /// Brings what is read here in line with what the database says that this host has.
    fn reconcile(&mut self, renewed: &Renewed) {
        let held: BTreeMap<&str, i64> = renewed
            .held
            .iter()
            .map(|(source, epoch)| (source.as_str(), *epoch))
            .collect();
        let leases = self.store.0.leases.clone();
        for (source, reading) in &mut self.read {
            let is_same = held.get(source.as_str()).copied() == leases.epoch(source);
            if *reading != Reading::Lost && !(is_same && held.contains_key(source.as_str())) {
                warn!(
                    source,
                    "another host took this source over: this host stops reading it"
                );
                leases.release(source);
                *reading = Reading::Lost;
                let _ = self.changes.send(Change::Stop(source.clone()));
            }
        }
        // The answer to their claim was lost, or an earlier reading has ended only now.
        for (source, epoch) in held {
            if !self.read.contains_key(source) && self.card.sources.iter().any(|known| known == source) {
                if self.may_claim {
                    self.begin(source, epoch);
                } else {
                    self.hand_back.insert(source.to_owned());
                }
            }
        }
        // What was removed from the configuration.
        let known: BTreeSet<&String> = self.card.sources.iter().collect();
        let gone = self
            .read
            .iter_mut()
            .filter(|(source, reading)| **reading == Reading::On && !known.contains(source));
        for (source, reading) in gone {
            *reading = Reading::Returning;
            let _ = self.changes.send(Change::Stop(source.clone()));
        }
    }

    fn begin(&mut self, source: &str, epoch: i64) {
        self.store.0.leases.hold(source, epoch);
        self.read.insert(source.to_owned(), Reading::On);
        let _ = self.changes.send(Change::Claimed(source.to_owned()));
    }

    /// Begins to hand back what is more than the share.
    fn return_surplus(&mut self, share: usize) {
        let surplus = self.count().saturating_sub(share);
        let on = self
            .read
            .iter_mut()
            .filter(|(_, reading)| **reading == Reading::On);
        let surplus: Vec<_> = on.take(surplus).collect();
        if !surplus.is_empty() {
            info!(
                sources = surplus.len(),
                share, "hands sources over to other hosts"
            );
        }
        for (source, reading) in surplus {
            *reading = Reading::Returning;
            let _ = self.changes.send(Change::Stop(source.clone()));
        }
    }

    async fn claim(&mut self, most: usize) -> Result<u64, PostgresError> {
        // Not what is still read here under an earlier lease: its last batch would be committed under the new one.
        let free: Vec<&str> = self
            .card
            .sources
            .iter()
            .map(String::as_str)
            .filter(|source| !self.read.contains_key(*source))
            .collect();
        let claimed = self.store.claim(&free, most, self.card.lease).await?;
        let taken = claimed.iter().filter(|claim| claim.was_taken_over).count();
        if !claimed.is_empty() {
            info!(sources = claimed.len(), taken_over = taken, "claimed sources");
        }
        for claim in claimed {
            self.begin(&claim.source, claim.epoch);
        }
        Ok(taken as u64)
    }

    /// Sources that count as this host's: those that it hands back do not.
    fn count(&self) -> usize {
        self.read
            .values()
            .filter(|reading| **reading == Reading::On)
            .count()
    }

    /// Says when hosts of the same name have other sources, once for each such set of hosts.
    fn compare(&mut self, unlike: &[String]) {
        if !unlike.is_empty() && self.unlike != unlike {
            warn!(
                cluster = self.store.cluster(),
                hosts = unlike.join(", "),
                "these hosts of the cluster have another configuration of sources: give all hosts the same files, or this one \
                 another `cluster.name`; each host reads only sources of its own configuration"
            );
        }
        self.unlike = unlike.to_vec();
    }

    fn tell(&self, renewed: &Renewed, taken: u64, at: Instant) {
        let on = self.read.iter().filter(|(_, reading)| **reading == Reading::On);
        let held = on.map(|(source, _)| source.clone()).collect();
        let mut others = [renewed.alike.as_slice(), &renewed.unlike].concat();
        others.sort();
        others.dedup();
        self.show.send_modify(|standing| {
            let takeovers = standing.takeovers + taken;
            *standing = Standing {
                held,
                others,
                free: renewed.free.try_into().unwrap_or_default(),
                takeovers,
                renewed: Some(at),
                problem: None,
            };
        });
    }

    /// A third of the lease, or when the lease of another host ends, if that is sooner.
    fn pause(&self, renewed: &Renewed) -> Duration {
        let usual = self.card.lease / RENEWALS;
        let end = renewed.next_end.map(|end| end + AFTER_THE_END);
        match end {
            Some(end) if self.may_claim => usual.min(end),
            _ => usual,
        }
    }

    fn failed(&mut self, error: &PostgresError) -> Duration {
        let wait = RETRY.min(self.card.lease / RENEWALS);
        let fault = if error.needs_a_person() {
            Fault::Denied
        } else {
            Fault::Retry
        };
        let failure = Failure::host(fault, "cluster", error);
        self.outage
            .failed(&failure, "leases cannot be renewed", Some(wait));
        self.show
            .send_modify(|standing| standing.problem = Some(error.to_string()));
        wait
    }

    async fn leave(&mut self) {
        if let Err(error) = self.store.sign_off().await {
            warn!(%error, "cannot hand sources back; their leases end by themselves");
        }
    }
}
