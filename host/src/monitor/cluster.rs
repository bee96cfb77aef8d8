//! How this host stands among others.

use std::time::Duration;

use serde_json::{Value, json};

use super::families::{CLUSTER_FREE, CLUSTER_HOSTS, CLUSTER_SOURCES, FENCED_COMMITS, LEASE_AGE, TAKEOVERS};
use super::metrics::Written;

/// How this host stands in its cluster, at the moment of the question.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// The name of the cluster.
    pub name: String,
    /// The database, as `host:port/database`.
    pub database: String,
    /// The sources that this host has.
    pub sources: Vec<String>,
    /// The other hosts that live, by name.
    pub others: Vec<String>,
    /// Sources that nobody has.
    pub free: u64,
    /// Sources that this host took over from hosts whose leases had ended.
    pub takeovers: u64,
    /// Commits of this host that were refused because another host had the lease.
    pub fenced_commits: u64,
    /// How long ago the leases of this host were renewed; none if they never were.
    pub lease_age: Option<Duration>,
    /// Why they cannot be renewed at present.
    pub problem: Option<String>,
}

impl Cluster {
    pub(super) fn series(&self) -> [Written; 6] {
        let age = self.lease_age.map_or(f64::INFINITY, |age| age.as_secs_f64());
        [
            (&CLUSTER_HOSTS, 1.0 + self.others.len() as f64),
            (&CLUSTER_SOURCES, self.sources.len() as f64),
            (&CLUSTER_FREE, self.free as f64),
            (&LEASE_AGE, age),
            (&TAKEOVERS, self.takeovers as f64),
            (&FENCED_COMMITS, self.fenced_commits as f64),
        ]
        .map(|(family, value)| (family, String::new(), value))
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "database": self.database,
            "sources": self.sources,
            "others": self.others,
            "free": self.free,
            "takeovers": self.takeovers,
            "fenced_commits": self.fenced_commits,
            "lease_age_seconds": self.lease_age.map(|age| age.as_secs()),
            "problem": self.problem,
        })
    }
}
