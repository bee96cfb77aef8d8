//! The lab's own view, for checking a client against it: `/_lab/stats` and `/_lab/ids`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::azure::Azure;
use crate::directory::Scope;
use crate::journal::{Counts, Violation};
use crate::time::Instant;

/// What has been asked and shown.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// Counts since the start.
    #[serde(flatten)]
    pub counts: Counts,
    /// Access tokens issued.
    pub tokens: usize,
    /// By subscription id, or `tenant` and its id, or `directory` or `sign-ins` and the tenant's.
    pub logs: BTreeMap<String, LogStats>,
    /// How often each fault of the script acted.
    pub faults: Vec<u64>,
    /// What a well-behaved client would not have done; the first thousand.
    pub violations_seen: Vec<Violation>,
}

/// One log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogStats {
    /// Events that happened, in sight or not.
    pub events: usize,
    /// Those in sight now.
    pub visible: usize,
    /// Those that some page has shown.
    pub shown: usize,
    /// Pages that carried an event, added up over all events.
    pub times_shown: u64,
}

/// The ids of one log, in the order of time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ids {
    /// Those in sight now: what a client that has caught up must have delivered.
    pub visible: Vec<String>,
    /// Those that some page has shown.
    pub shown: Vec<String>,
    /// Those that happened and will come into sight later.
    pub pending: Vec<String>,
}

impl Azure {
    /// The lab's counts.
    pub fn stats(&mut self, now: Instant) -> Stats {
        self.catch_up(now);
        let logs = self.logs.iter().map(|(scope, log)| {
            let mut stats = LogStats::default();
            for (event, shown) in log.events() {
                stats.events += 1;
                stats.visible += usize::from(event.visible_at <= now);
                stats.shown += usize::from(shown > 0);
                stats.times_shown += u64::from(shown);
            }
            (name(scope), stats)
        });
        Stats {
            logs: logs.collect(),
            counts: self.journal.counts.clone(),
            tokens: self.tokens.count(),
            faults: self.faults_acted(),
            violations_seen: self.violations().to_vec(),
        }
    }

    /// The ids of every log.
    pub fn ids(&mut self, now: Instant) -> BTreeMap<String, Ids> {
        self.catch_up(now);
        let logs = self.logs.iter().map(|(scope, log)| {
            let mut ids = Ids::default();
            for (event, shown) in log.events() {
                let list = if event.visible_at <= now {
                    &mut ids.visible
                } else {
                    &mut ids.pending
                };
                list.push(event.id().into_owned());
                if shown > 0 {
                    ids.shown.push(event.id().into_owned());
                }
            }
            (name(scope), ids)
        });
        logs.collect()
    }
}

fn name(scope: &Scope) -> String {
    match scope {
        Scope::Subscription(id) => id.clone(),
        Scope::Tenant(id) => format!("tenant {id}"),
        Scope::Directory(id) => format!("directory {id}"),
        Scope::SignIns(id) => format!("sign-ins {id}"),
    }
}
