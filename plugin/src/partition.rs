//! The streams that this source reads: one per subscription, and the tenant's own log.

use std::fmt;

use crate::guid;

/// One independently resumable stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partition {
    /// The log of the subscription with this id, in lower case.
    Subscription(String),
    /// The tenant-level log.
    Tenant,
}

impl Partition {
    /// Reads the name that [`fmt::Display`] writes.
    pub fn parse(name: &str) -> Option<Partition> {
        match name.strip_prefix("subscriptions/") {
            Some(id) => Some(Partition::Subscription(guid::parse(id)?)),
            None => (name == "tenant").then_some(Partition::Tenant),
        }
    }

    /// The path of the stream's log at the resource manager.
    pub fn log_path(&self) -> String {
        let log = "/providers/Microsoft.Insights/eventtypes/management/values";
        match self {
            Partition::Subscription(id) => format!("/subscriptions/{id}{log}"),
            Partition::Tenant => log.to_owned(),
        }
    }
}

/// The partition's stable name in the contract.
impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Subscription(id) => write!(formatter, "subscriptions/{id}"),
            Partition::Tenant => formatter.write_str("tenant"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_meaning() {
        for name in ["subscriptions/11111111-2222-3333-4444-5555aaaabbbb", "tenant"] {
            assert_eq!(Partition::parse(name).unwrap().to_string(), name);
        }
        for name in ["", "tenants", "subscriptions/", "subscriptions/1111", "Tenant"] {
            assert_eq!(Partition::parse(name), None, "{name}");
        }
    }
}
