//! The operator's configuration: what it means, and what is wrong with it. All issues are found at once.

mod credential;
mod endpoints;
mod fields;
mod read;

pub use credential::{Credential, Secret};
pub use read::{KEYS, read};

use crate::cloud::Cloud;
use crate::contract::{Nanos, Timestamp};
use crate::duration::{DAY, HOUR, MINUTE};
use crate::event;
use crate::facts::Phase;
use crate::partition::Partition;

/// What `start` is when the operator does not say.
pub const DEFAULT_START: Nanos = HOUR;
/// What `lookback` is when the operator does not say: Microsoft documents up to 20 minutes until an event is readable,
/// and this leaves half as much again.
pub const DEFAULT_LOOKBACK: Nanos = 30 * MINUTE;
/// The longest look-back: what is remembered for de-duplication must fit into the cursor.
pub const MAXIMUM_LOOKBACK: Nanos = 7 * DAY;
/// What `window` is when the operator does not say: a comfortable depth of paging on ordinary subscriptions.
pub const DEFAULT_WINDOW: Nanos = 6 * HOUR;

/// What Azure keeps.
const RETENTION: Nanos = 90 * DAY;
const BEFORE_RETENTION: &str =
    "is before the 90 days that Azure keeps: reading begins with what is left; give at most `90d`";

/// A configuration without issues.
#[derive(Debug)]
pub struct Settings {
    /// The directory: a GUID in lower case or a verified domain.
    pub tenant: String,
    /// The application's id, in lower case.
    pub client: String,
    /// How the application proves itself.
    pub credential: Credential,
    /// Which subscriptions are read.
    pub subscriptions: Subscriptions,
    /// Whether the tenant-level log is read too.
    pub tenant_log: bool,
    /// The endpoints.
    pub cloud: Cloud,
    /// Where a new partition begins.
    pub start: Start,
    /// How far back late events are looked for.
    pub lookback: Nanos,
    /// The largest slice of a backfill.
    pub window: Nanos,
    /// What the service itself selects.
    pub filter: Option<Filter>,
    /// Which records of an operation are wanted.
    pub phases: Vec<Phase>,
    /// How events are rated, dropped and written.
    pub events: event::Settings,
}

impl Settings {
    /// Whether this configuration asks for that partition.
    pub fn wants(&self, partition: &Partition) -> bool {
        match (partition, &self.subscriptions) {
            (Partition::Tenant(tenant), _) => self.tenant_log && *tenant == self.tenant,
            (Partition::Subscription(_), Subscriptions::All) => true,
            (Partition::Subscription(id), Subscriptions::These(ids)) => ids.contains(id),
        }
    }
}

/// Which subscriptions are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscriptions {
    /// Every one that the application can see and that is readable.
    All,
    /// These GUIDs, in lower case; empty when only the tenant log is read.
    These(Vec<String>),
}

/// Where a new partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// So far before the first poll; zero for `now`.
    Back(Nanos),
    /// At this instant.
    At(Timestamp),
}

impl Start {
    /// What is wrong with it at that moment, if anything is.
    pub fn warning(self, now: Timestamp) -> Option<&'static str> {
        match self {
            Start::At(instant) if instant > now => {
                Some("is in the future: reading begins now; give a past instant, or `now`")
            }
            Start::At(instant) if instant < now.saturating_sub(RETENTION) => Some(BEFORE_RETENTION),
            Start::Back(back) if back > RETENTION => Some(BEFORE_RETENTION),
            _ => None,
        }
    }
}

/// A term that narrows what the service returns; the API takes at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The API's name of the property, for example `resourceGroupName`.
    pub property: &'static str,
    /// The value as the operator wrote it; quoting is done where the request is built.
    pub value: String,
}
