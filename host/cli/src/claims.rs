//! Which sources this host reads, where several share them: those that it has claimed in the database.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use headwater::cursor::postgres::{
    Address, Change, Control, Member, Membership, PostgresError, PostgresStore, Standing, USUAL_PATIENCE,
};
use headwater::model::{Failure, Fault};
use headwater::monitor::Monitor;
use headwater::reading::{Backoff, Outage};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{Config, DatabaseConfig, SourceConfig};
use crate::run::{Arbiter, Changes, Mode};

/// How long to wait before a database is tried again that cannot be used at the start.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// How long handing back may take at the end.
const LEAVING: Duration = Duration::from_secs(2);

/// Opens the database. Who reads until it is stopped waits for one that cannot be reached; none if it is stopped meanwhile.
pub async fn open(
    config: &DatabaseConfig,
    mode: Mode,
    stop: &CancellationToken,
) -> Result<Option<PostgresStore>, PostgresError> {
    let mut backoff = Backoff::default();
    let mut outage = Outage::default();
    // Three renewals come within a lease, each of which must have failed before the next.
    let patience = USUAL_PATIENCE.min(config.lease / 3);
    loop {
        let address = Address::new(config.url.clone()).ca(config.ca.clone());
        let opened = tokio::select! {
            opened = PostgresStore::open(address, &config.cluster, patience) => opened,
            () = stop.cancelled() => return Ok(None),
        };
        let error = match opened {
            Ok(store) => {
                outage.over();
                return Ok(Some(store));
            }
            Err(error) if error.needs_a_person() || mode == Mode::Once => return Err(error),
            Err(error) => error,
        };
        let wait = backoff.delay_between(FIRST_DELAY, LONGEST_DELAY);
        let failure = Failure::host(Fault::Retry, "state", error);
        outage.failed(&failure, "no source is read yet", Some(wait));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// Looks after the claims, and says what they change.
#[derive(Debug)]
pub struct Claims {
    member: Member,
    control: Control,
    /// The configuration of every source.
    sources: BTreeMap<String, Arc<SourceConfig>>,
    /// What this host has.
    claimed: HashMap<String, Arc<SourceConfig>>,
    changes: mpsc::Sender<Changes>,
    ended: mpsc::UnboundedReceiver<String>,
}

impl Claims {
    /// Joins the cluster. What is to be read comes as changes.
    pub fn join(
        store: &PostgresStore,
        config: &Config,
        database: &DatabaseConfig,
        changes: mpsc::Sender<Changes>,
    ) -> (Self, Arbiter) {
        let sources: BTreeMap<_, _> = config
            .sources
            .iter()
            .map(|source| (source.name.clone(), source.clone()))
            .collect();
        let member = store.join(Membership {
            name: host_name(),
            lease: database.lease,
            sources: sources.keys().cloned().collect(),
            configuration: fingerprint(&sources),
        });
        let (arbiter, ended) = mpsc::unbounded_channel();
        let claims = Self {
            control: member.control(),
            member,
            sources,
            claimed: HashMap::new(),
            changes,
            ended,
        };
        (claims, Arbiter(arbiter))
    }

    /// Hands everything back at the end.
    pub fn leave(&self) -> impl Future<Output = ()> + use<> {
        let control = self.control.clone();
        async move {
            if tokio::time::timeout(LEAVING, control.leave()).await.is_err() {
                warn!(
                    "the database does not answer; other hosts take the sources over when their leases end"
                );
            }
        }
    }

    /// How this host stands, and whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.member.standing()
    }

    /// Waits for the first claims, for who reads once: what it gets then is all that it reads.
    pub async fn first(&mut self) -> Vec<Arc<SourceConfig>> {
        let mut standing = self.member.standing();
        // Ends only with the member.
        let _ = standing.wait_for(|standing| standing.renewed.is_some()).await;
        let wanted = standing.borrow().held.len();
        let mut first = Vec::new();
        while first.len() < wanted {
            match self.member.next().await {
                Some(Change::Claimed(name)) => first.extend(self.sources.get(&name).cloned()),
                Some(Change::Stop(_)) => {}
                None => break,
            }
        }
        first
    }

    /// Hands on what is claimed and lost, and what becomes of it, and follows new configurations.
    pub async fn run(mut self, mut reloads: mpsc::Receiver<Changes>, stop: CancellationToken) {
        loop {
            let changes = tokio::select! {
                change = self.member.next() => match change {
                    Some(Change::Claimed(name)) => self.begin(name),
                    Some(Change::Stop(name)) => Some(Changes {
                        removed: vec![name],
                        ..Changes::default()
                    }),
                    None => return,
                },
                Some(name) = self.ended.recv() => {
                    self.claimed.remove(&name);
                    self.control.ended(&name);
                    None
                }
                Some(changes) = reloads.recv() => self.follow(changes),
                () = stop.cancelled() => break,
            };
            if let Some(changes) = changes {
                tokio::select! {
                    sent = self.changes.send(changes) => if sent.is_err() { break },
                    () = stop.cancelled() => break,
                }
            }
        }
        self.control.claim_no_more();
        while let Some(name) = self.ended.recv().await {
            self.control.ended(&name);
        }
        // Until it has left.
        while self.member.next().await.is_some() {}
    }

    fn begin(&mut self, name: String) -> Option<Changes> {
        let Some(config) = self.sources.get(&name) else {
            self.control.ended(&name);
            return None;
        };
        self.claimed.insert(name, config.clone());
        Some(Changes {
            added: vec![config.clone()],
            ..Changes::default()
        })
    }

    /// A new configuration: what is not this host's only changes what it could claim.
    fn follow(&mut self, changes: Changes) -> Option<Changes> {
        for name in &changes.removed {
            self.sources.remove(name);
        }
        for config in changes.fresh() {
            self.sources.insert(config.name.clone(), config.clone());
        }
        let changed = changes.changed.into_iter();
        let changed = changed
            .filter(|config| self.claimed.contains_key(&config.name))
            .collect();
        let names = self.sources.keys().cloned().collect();
        self.control.set_sources(names, fingerprint(&self.sources));
        Some(Changes {
            changed,
            ..Changes::default()
        })
    }
}

/// What hosts with the same sources have in common, and then what they read there. Paths and secrets are not in it: those
/// may differ from host to host.
fn fingerprint(sources: &BTreeMap<String, Arc<SourceConfig>>) -> String {
    let (mut names, mut settings) = (String::new(), String::new());
    for (name, source) in sources {
        // Writing to text cannot fail.
        let _ = writeln!(names, "{name}");
        let _ = writeln!(settings, "{name} {}", source.config.json);
    }
    format!("{}:{}", digest(&names), digest(&settings))
}

fn digest(text: &str) -> String {
    headwater::model::event_key("", "", text)[..16].to_owned()
}

/// Tells the hosts apart for people: several may run on one machine.
#[expect(clippy::disallowed_methods, reason = "the kernel answers at once")]
fn host_name() -> String {
    let name = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let name = name.or_else(|| {
        Some(
            std::fs::read_to_string("/proc/sys/kernel/hostname")
                .ok()?
                .trim()
                .to_owned(),
        )
    });
    format!("{}/{}", name.as_deref().unwrap_or("host"), std::process::id())
}

/// Shows how this host stands in its cluster.
pub fn show(store: &PostgresStore, claims: &Claims, monitor: &Monitor) {
    let (store, standing) = (store.clone(), claims.member.standing());
    monitor.show_cluster(move || {
        let standing = standing.borrow();
        headwater::monitor::Cluster {
            name: store.cluster().to_owned(),
            database: store.place(),
            sources: standing.held.iter().cloned().collect(),
            others: standing.others.clone(),
            free: standing.free,
            takeovers: standing.takeovers,
            fenced_commits: store.fenced_commits(),
            lease_age: standing.renewed.map(|renewed| renewed.elapsed()),
            problem: standing.problem.clone(),
        }
    });
}
