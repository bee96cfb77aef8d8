//! Several real hosts, one real database, sixty tenants: whatever dies or refuses, every event comes out.

mod database;
mod hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Child;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::bulk::Recipe;
use fake_azure::scenario::example;
use fake_azure::{Scope, Server};

use crate::collector::free_address;
use crate::database::{URL_VARIABLE, use_database};
use crate::invariants::{EVERY_SOURCE_GOES_ON, NO_EVENT_IS_LOST, REPEATS_ARE_BATCHES_IN_FLIGHT};
use crate::lab;
use crate::postgres::{PASSWORD, Postgres};
use crate::site::{Finished, Site, Source, ended_lines, event_id, finish, parse_lines, wait_until};
use crate::watched;

const TENANTS: usize = 60;
const HOSTS: usize = 3;
/// Events in each of the two partitions of a tenant.
const EVENTS: u32 = 4;
const LEASE: Duration = Duration::from_secs(6);
/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(150);
/// What a takeover may take beside the lease.
const SLACK: Duration = Duration::from_secs(5);

/// Hosts with their own folders, the same sources, and one database.
struct Cluster {
    server: Server,
    postgres: Postgres,
    hosts: Vec<Host>,
}

struct Host {
    site: Site,
    address: SocketAddr,
    process: Option<Child>,
}

fn tenant(number: usize) -> String {
    format!("tenant-{number:02}")
}

impl Cluster {
    fn new(url: impl FnOnce(&Postgres) -> String) -> Self {
        let server = lab::serve(lab::with_events(EVENTS));
        let postgres = Postgres::start();
        let url = url(&postgres);
        let sources: Vec<Source> = (0..TENANTS)
            .map(|number| Source {
                sink: "type = \"file\"\npath = \"events.ndjson\"".to_owned(),
                ..Source::azure(&tenant(number), server.endpoint())
                    .set("labels", &format!("{{ source = \"{}\" }}", tenant(number)))
            })
            .collect();
        let hosts = (0..HOSTS).map(|_| {
            let site = Site::new(&sources);
            let address = free_address();
            let lease = LEASE.as_secs();
            let further = format!("[cluster]\nlease = \"{lease}s\"\n[listen]\naddress = \"{address}\"\n");
            use_database(&site, &further);
            site.write("url", &url);
            Host {
                site,
                address,
                process: None,
            }
        });
        let hosts = hosts.collect();
        Self {
            server,
            postgres,
            hosts,
        }
    }

    fn start(&mut self, host: usize) {
        self.start_with(host, &[]);
    }

    /// One more event happens in each subscription.
    fn something_happens(&self) {
        let scopes = [example::PRODUCTION, example::DEVELOPMENT];
        for (seed, subscription) in scopes.into_iter().enumerate() {
            let recipe = Recipe {
                subscription: subscription.to_owned(),
                start: Utc::now() - TimeDelta::seconds(1),
                spacing: TimeDelta::seconds(1),
                latest: TimeDelta::zero(),
                seed: Utc::now().timestamp_micros() as u64 + seed as u64,
            };
            for event in recipe.events(1) {
                self.server
                    .azure()
                    .add(&Scope::Subscription(subscription.to_owned()), event);
            }
        }
    }

    /// Starts a host, and waits until it answers. Its port may have been taken meanwhile: then it gets another.
    fn start_with(&mut self, host: usize, variables: &[(&str, &str)]) {
        let host = &mut self.hosts[host];
        let url = host.site.read("url");
        let variables = [variables, &[(URL_VARIABLE, url.as_str())]].concat();
        loop {
            let mut process = host.site.start_with(&variables, &["run"]);
            let mut has_ended = false;
            wait_until("it answers or ends", || {
                has_ended = process.try_wait().is_ok_and(|status| status.is_some());
                has_ended || watched::status(host.address, "/host.json") == 200
            });
            if !has_ended {
                host.process = Some(process);
                return;
            }
            let finished = finish(process);
            finished.says("cannot listen");
            let (old, new) = (host.address, free_address());
            let configuration = host.site.read("headwater.toml");
            host.site.write(
                "headwater.toml",
                &configuration.replace(&old.to_string(), &new.to_string()),
            );
            host.address = new;
        }
    }

    /// Starts all hosts, and waits until their shares are fair.
    fn start_all(&mut self) {
        (0..HOSTS).for_each(|host| self.start(host));
        self.wait_for_shares("the shares are fair", |shares| {
            shares.iter().all(|share| *share == TENANTS / HOSTS)
        });
    }

    /// How many sources each host has by its own account; none for one that does not answer.
    fn shares(&self) -> Vec<usize> {
        let share = |host: &Host| {
            host.process.as_ref()?;
            let text = watched::body(host.address, "/host.json");
            let status: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(status["cluster"]["sources"].as_array()?.len())
        };
        self.hosts.iter().map(|host| share(host).unwrap_or(0)).collect()
    }

    #[track_caller]
    fn wait_for_shares(&self, what: &str, holds: impl Fn(&[usize]) -> bool) {
        let began = Instant::now();
        loop {
            let shares = self.shares();
            if shares.iter().sum::<usize>() == TENANTS && holds(&shares) {
                return;
            }
            let leases = "SELECT host, count(*), min(expires - now()) FROM headwater_source GROUP BY 1";
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain until {what}: {shares:?}; {}; {:?}",
                self.postgres.sql("headwater", leases),
                self.hosts
                    .iter()
                    .map(|host| watched::body(host.address, "/host.json"))
                    .collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until every host says this of its leases.
    #[track_caller]
    fn wait_for_problem(&self, words: &str) {
        for host in &self.hosts {
            wait_until(words, || {
                watched::body(host.address, "/host.json").contains(words)
            });
        }
    }

    /// Waits until every host renews its leases, and each partition has had a commit of what happens now.
    #[track_caller]
    fn wait_for_commits(&self) {
        for host in &self.hosts {
            wait_until("the leases are renewed", || {
                watched::body(host.address, "/host.json").contains("\"problem\":null")
            });
        }
        let now = self.postgres.sql("headwater", "SELECT now()");
        self.something_happens();
        let old = format!("SELECT count(*) FROM headwater_cursor WHERE stored <= '{now}'");
        wait_until(EVERY_SOURCE_GOES_ON, || {
            self.postgres.sql("headwater", &old) == "0"
        });
    }

    /// Sends a signal to a host.
    fn signal(&self, host: usize, signal: &str) {
        if let Some(process) = &self.hosts[host].process {
            let sent = std::process::Command::new("kill")
                .args([signal, &process.id().to_string()])
                .status();
            assert!(sent.is_ok_and(|status| status.success()));
        }
    }

    /// Ends a host by SIGTERM.
    fn stop(&mut self, host: usize) -> Option<Finished> {
        self.signal(host, "-TERM");
        self.hosts[host].process.take().map(finish)
    }

    /// Every delivery by source and event, by any host.
    fn deliveries(&self) -> BTreeMap<(String, String), usize> {
        let mut deliveries = BTreeMap::new();
        for host in &self.hosts {
            for event in parse_lines(ended_lines(&host.site.read("events.ndjson"))) {
                let source = event["labels"]["source"].as_str().unwrap_or_default().to_owned();
                *deliveries.entry((source, event_id(&event))).or_default() += 1;
            }
        }
        deliveries
    }

    fn expected(&self) -> BTreeSet<String> {
        lab::visible_ids(&self.server).into_iter().collect()
    }

    /// Every event of the log was delivered once for each tenant, or more often.
    fn has_everything(&self) -> bool {
        let expected = self.expected().len() * TENANTS;
        self.deliveries().values().sum::<usize>() >= expected
    }

    /// Ends all hosts and asserts what a cluster promises.
    #[track_caller]
    fn assert_invariants(mut self, takeovers: usize) {
        self.something_happens();
        wait_until(NO_EVENT_IS_LOST, || self.has_everything());
        let finished: Vec<Finished> = (0..HOSTS).filter_map(|host| self.stop(host)).collect();
        for host in &finished {
            assert!(!host.text().contains(PASSWORD), "the password was shown");
            assert!(!host.text().contains("panicked"), "{}", host.stderr);
        }
        let expected = self.expected();
        let count: usize = self.deliveries().values().sum();
        let least = expected.len() * TENANTS;
        assert!(count >= least, "{NO_EVENT_IS_LOST}: {count} of {least}");
        // A partition has one batch in flight, and all of its events fit into one.
        let repeats = count - least;
        let most = takeovers * expected.len();
        println!("{repeats} repeats in {takeovers} takeovers, at most {most}");
        assert!(
            repeats <= most,
            "{REPEATS_ARE_BATCHES_IN_FLIGHT}: {repeats} of {most}"
        );
        let fences = "SELECT count(*) FROM headwater_cursor c JOIN headwater_source s USING (cluster, source) \
                      WHERE c.epoch > s.epoch";
        assert_eq!(self.postgres.sql("headwater", fences), "0");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            if let Some(mut process) = host.process.take() {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}
