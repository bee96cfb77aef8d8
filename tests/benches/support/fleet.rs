//! Very many quiet tenants at one fake Azure, and what processes take from the machine.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use fake_azure::scenario::example;
use fake_azure::{Azure, Directory, Endpoint, Instant, Server, Settings};

use crate::lab;
use crate::site::{Site, Source};

/// Tenants with a subscription each.
pub struct Fleet {
    pub server: Server,
    pub sources: Vec<Source>,
    directory: Directory,
}

impl Fleet {
    /// So many, polled that often.
    pub fn new(tenants: usize, interval: Duration) -> Self {
        let directory = example::fleet(tenants, 1);
        let server = lab::serve(Azure::new(Settings::default(), directory.clone()));
        let pairs = directory.applications.iter().zip(&directory.subscriptions);
        let sources = pairs.enumerate().map(|(number, (application, subscription))| {
            let mut source = Source::azure(&format!("tenant-{number:04}"), server.endpoint())
                .set("tenant_id", &format!("\"{}\"", application.tenant))
                .set("client_id", &format!("\"{}\"", application.client_id))
                .set("client_secret", &format!("{{ file = \"secret-{number}\" }}"))
                .set("subscription_id", &format!("\"{}\"", subscription.id));
            source.interval = format!("{}s", interval.as_secs());
            source
        });
        let sources = sources.collect();
        Self {
            server,
            sources,
            directory,
        }
    }

    /// A host's folder with all of them.
    pub fn site(&self) -> Site {
        let site = Site::new(&self.sources);
        self.write_secrets(&site);
        site
    }

    /// A host's folder with a file for each of them.
    pub fn site_of_files(&self) -> Site {
        let site = Site::new(&[]);
        site.write(
            "headwater.toml",
            "include = [\"tenants/*.toml\"]\n[state]\npath = \"state.redb\"\n",
        );
        fs::create_dir(site.path("tenants")).expect("the temporary folder can be written");
        for source in &self.sources {
            site.write(&format!("tenants/{}.toml", source.name), &source.to_toml());
        }
        self.write_secrets(&site);
        site
    }

    fn write_secrets(&self, site: &Site) {
        for (number, application) in self.directory.applications.iter().enumerate() {
            site.write(&format!("secret-{number}"), &application.secrets[0].value);
        }
    }
}

/// How often the server's journal is read.
const LOOK: Duration = Duration::from_millis(200);

/// What a server has seen of each tenant, whose journal is too short for very many.
#[derive(Default)]
pub struct Watch {
    upto: Option<Instant>,
    tenants: HashMap<String, Seen>,
}

#[derive(Default)]
struct Seen {
    last: Option<Instant>,
    polls: usize,
    longest_gap: f64,
}

impl Watch {
    /// Reads the journal on. To be called before that has forgotten anything: see [`Watch::look_for`].
    pub fn look(&mut self, server: &Server) {
        let azure = server.azure();
        let upto = self.upto;
        let fresh = azure
            .requests()
            .filter(|request| upto.is_none_or(|upto| request.at > upto));
        for request in fresh {
            self.upto = self.upto.max(Some(request.at));
            if request.endpoint != Endpoint::Log {
                continue;
            }
            let path = request.target.split('?').next().unwrap_or_default();
            let seen = self.tenants.entry(path.to_owned()).or_default();
            let gap = seen.last.map(|last| (request.at - last).as_seconds_f64());
            // The requests of one poll follow one another at once.
            seen.polls += usize::from(gap.is_none_or(|gap| gap > 1.0));
            seen.longest_gap = seen.longest_gap.max(gap.unwrap_or_default());
            seen.last = Some(request.at);
        }
    }

    /// Reads the journal on and on, for so long.
    pub fn look_for(&mut self, server: &Server, time: Duration) {
        let began = std::time::Instant::now();
        while began.elapsed() < time {
            std::thread::sleep(LOOK);
            self.look(server);
        }
    }

    /// The tenants that were polled.
    pub fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// How often, all together.
    pub fn polls(&self) -> usize {
        self.tenants.values().map(|seen| seen.polls).sum()
    }

    /// The longest time between two requests for the same tenant, in seconds.
    pub fn longest_gap(&self) -> f64 {
        self.tenants
            .values()
            .map(|seen| seen.longest_gap)
            .fold(0.0, f64::max)
    }
}

/// A number in `/proc/<process>/status`.
pub fn status(process: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the host runs");
    let line = status
        .lines()
        .find(|line| line.starts_with(key))
        .expect("a known key");
    let number = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok());
    number.expect("a number")
}
