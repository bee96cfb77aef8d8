//! How every partition is doing: what `/healthz` and `/status` show.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Away;
use crate::model::{Failure, Fault};

/// The source under which the host's own troubles are shown. No source can have this name.
const HOST: &str = "(host)";

/// Past polls kept for the small chart.
const HISTORY: usize = 40;

/// How a partition is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Health {
    /// Found, not polled yet.
    Waiting,
    /// The last poll worked, and brought events or is on its way to the present.
    Flowing,
    /// The last poll worked and there was nothing new.
    Quiet,
    /// Of what was last read nothing could be delivered: it went to the dead letters.
    Rejecting,
    /// It may pass by itself.
    Retrying,
    /// A person must act upstream or here.
    Refused,
    /// Given up until a restart.
    Stopped,
    /// Listed as not readable at present.
    Unavailable,
    /// Read before, and not listed any more.
    Gone,
}

impl Health {
    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Flowing => "flowing",
            Self::Quiet => "quiet",
            Self::Rejecting => "rejecting",
            Self::Retrying => "retrying",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Unavailable => "unavailable",
            Self::Gone => "gone",
        }
    }
}

/// What a stored batch brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brought {
    /// Events delivered.
    pub(super) events: u64,
    /// Items that went to the dead letters.
    pub(super) rejected: u64,
    /// Time of the newest event.
    pub(super) newest: u64,
    /// Age of the newest record upstream has shown, in seconds.
    pub(super) lag: Option<u64>,
    /// Whether there is nothing more to read at present.
    pub(super) caught_up: bool,
}

/// One partition, or a source that has none yet.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PartitionHealth {
    pub(super) title: String,
    pub(super) health: Health,
    /// Events delivered since the start.
    pub(super) events: u64,
    /// Items that went to the dead letters since the start.
    pub(super) rejected: u64,
    /// Time of the newest event delivered.
    pub(super) newest: Option<String>,
    /// Age of the newest record upstream has shown, in seconds.
    pub(super) lag: Option<u64>,
    /// When a cursor was last stored.
    pub(super) committed: Option<String>,
    /// The last failure since the last success.
    pub(super) error: Option<String>,
    /// What to do about it.
    pub(super) hint: Option<String>,
    /// When the failures since the last success began.
    pub(super) since: Option<String>,
    /// Events of the last polls, the newest last.
    pub(super) history: VecDeque<u64>,
    #[serde(skip)]
    newest_time: u64,
    #[serde(skip)]
    failing: Option<SystemTime>,
}

impl Default for PartitionHealth {
    fn default() -> Self {
        Self {
            title: String::new(),
            health: Health::Waiting,
            events: 0,
            rejected: 0,
            newest: None,
            lag: None,
            committed: None,
            error: None,
            hint: None,
            since: None,
            failing: None,
            history: VecDeque::new(),
            newest_time: 0,
        }
    }
}

impl PartitionHealth {
    /// Notes a failure; returns when the failures since the last success began.
    fn failed(&mut self, failure: &Failure, now: SystemTime) -> SystemTime {
        let since = *self.failing.get_or_insert(now);
        self.since = Some(readable(since.into()));
        self.health = match failure.fault {
            Fault::Retry | Fault::Broken => Health::Retrying,
            Fault::Denied | Fault::Refused => Health::Refused,
            Fault::InvalidConfig | Fault::InvalidCursor | Fault::Gone => Health::Stopped,
        };
        self.error = Some(format!("{} [{}]", failure.message, failure.code));
        self.hint.clone_from(&failure.hint);
        since
    }
}

/// The rows of a source, by partition. In boxes: a map takes room for eleven of them at once, and most sources have one or two.
pub(super) type Rows = BTreeMap<String, Box<PartitionHealth>>;

/// By source, then by partition. A source's own failures stand under the empty name.
#[derive(Debug, Default)]
pub(super) struct HealthTable(pub(super) BTreeMap<String, Rows>);

impl HealthTable {
    /// Notes a source before it has found anything.
    pub(super) fn expect(&mut self, source: &str) {
        *self.row(source, "") = PartitionHealth::default();
    }

    /// Notes what a source has found, and what it knows and does not read.
    pub(super) fn found(&mut self, source: &str, partitions: &[(String, String)], away: &[Away]) {
        let rows = self.0.entry(source.to_owned()).or_default();
        let read = partitions.iter().map(|(id, _)| id);
        let named: HashSet<&String> = read.chain(away.iter().map(|away| &away.id)).collect();
        rows.retain(|id, _| named.contains(id));
        for (id, title) in partitions {
            let row = rows.entry(id.clone()).or_default();
            row.title.clone_from(title);
            if matches!(row.health, Health::Unavailable | Health::Gone) {
                row.health = Health::Waiting;
                row.error = None;
            }
        }
        for Away {
            id,
            title,
            is_gone,
            reason,
        } in away
        {
            let row = rows.entry(id.clone()).or_default();
            if !title.is_empty() {
                row.title.clone_from(title);
            }
            row.health = if *is_gone {
                Health::Gone
            } else {
                Health::Unavailable
            };
            row.error = Some(reason.clone());
            row.hint = None;
        }
    }

    /// Notes a stored batch.
    pub(super) fn committed(&mut self, source: &str, partition: &str, brought: &Brought) {
        let Brought {
            events,
            rejected,
            newest,
            lag,
            caught_up,
        } = *brought;
        let row = self.row(source, partition);
        // What was rejected stays to be seen beside polls that bring nothing.
        let is_rejecting = rejected > 0 || row.health == Health::Rejecting;
        row.health = match events {
            0 if is_rejecting => Health::Rejecting,
            0 if caught_up => Health::Quiet,
            _ => Health::Flowing,
        };
        row.events += events;
        row.rejected += rejected;
        if newest > row.newest_time {
            row.newest_time = newest;
            row.newest = i64::try_from(newest)
                .ok()
                .map(DateTime::from_timestamp_nanos)
                .map(readable);
        }
        row.lag = lag.or(row.lag);
        row.committed = Some(readable(SystemTime::now().into()));
        row.error = (row.health == Health::Rejecting).then(|| {
            format!(
                "what was read last could not be delivered: {} item(s) went to the dead letters since the start",
                row.rejected
            )
        });
        row.hint = row
            .error
            .is_some()
            .then(|| "look for the reasons in the dead letters and in the log".to_owned());
        row.since = None;
        row.failing = None;
        row.history.push_back(events);
        if row.history.len() > HISTORY {
            row.history.pop_front();
        }
    }

    /// Notes a failure of a partition, or of a whole source (the empty name).
    ///
    /// Returns when its failures since the last success began.
    pub(super) fn failed(
        &mut self,
        source: &str,
        partition: &str,
        failure: &Failure,
        now: SystemTime,
    ) -> SystemTime {
        self.row(source, partition).failed(failure, now)
    }

    /// Notes that a source cannot be started. Its failure has been noted.
    pub(super) fn stopped(&mut self, source: &str) {
        self.row(source, "").health = Health::Stopped;
    }

    /// Removes the rows of a source.
    pub(super) fn forget(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// Notes that a source has ended: nothing more will come of what it reads.
    pub(super) fn ended(&mut self, source: &str, failure: &Failure) {
        let rows = self.0.get_mut(source).into_iter().flat_map(BTreeMap::values_mut);
        let now = SystemTime::now();
        rows.for_each(|row| {
            row.failed(failure, now);
        });
    }

    /// Notes what is wrong with the state file, or that nothing is.
    pub(super) fn state_is(&mut self, problem: Option<&str>) {
        match problem {
            Some(problem) => {
                let row = self.row(HOST, "state");
                row.title = "The state file".to_owned();
                row.health = Health::Retrying;
                row.error = Some(problem.to_owned());
            }
            None => {
                self.0.remove(HOST);
            }
        }
    }

    /// Whether anything works: a host whose every row fails is of no use to anybody, nor is one that cannot store a cursor.
    pub(super) fn is_healthy(&self) -> bool {
        if self.0.contains_key(HOST) {
            return false;
        }
        let mut rows = self.0.values().flat_map(BTreeMap::values).peekable();
        rows.peek().is_none() || rows.any(|row| row.error.is_none() || row.health == Health::Rejecting)
    }

    /// The sources that have rows.
    pub(super) fn source_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The rows of a source.
    pub(super) fn rows(&self, source: &str) -> Rows {
        self.0.get(source).cloned().unwrap_or_default()
    }

    /// One line for each row of a source: source, partition, health, error.
    pub(super) fn lines_of(&self, source: &str) -> String {
        let line = |id: &str, row: &PartitionHealth| {
            let name = if id.is_empty() { "-" } else { id };
            let health = row.health.as_str();
            let error = row.error.as_deref().unwrap_or_default();
            format!("{source} {name} {health} {error}").trim_end().to_owned() + "\n"
        };
        let rows = self.0.get(source).into_iter().flatten();
        rows.map(|(id, row)| line(id, row)).collect()
    }

    /// The lines of all sources.
    #[cfg(test)]
    fn lines(&self) -> String {
        self.0.keys().map(|source| self.lines_of(source)).collect()
    }

    fn row(&mut self, source: &str, partition: &str) -> &mut PartitionHealth {
        self.0
            .entry(source.to_owned())
            .or_default()
            .entry(partition.to_owned())
            .or_default()
    }
}

pub(super) fn readable(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
