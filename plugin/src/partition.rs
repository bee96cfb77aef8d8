//! The streams that this source reads: one per subscription, and the tenant's own log.

use std::fmt;

use crate::guid;

/// One independently resumable stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partition {
    /// The log of the subscription with this id, in lower case.
    Subscription(String),
    /// The log of the tenant with this GUID or domain, in lower case.
    Tenant(String),
}

/// What the tenant's log was called while a source could have one only.
pub const FORMER_TENANT: &str = "tenant";

impl Partition {
    /// Reads the name that [`fmt::Display`] writes.
    pub fn parse(name: &str) -> Option<Partition> {
        match name.split_once('/')? {
            ("subscriptions", id) => Some(Partition::Subscription(guid::parse(id)?)),
            ("tenants", tenant) => (!tenant.is_empty()).then(|| Partition::Tenant(tenant.to_owned())),
            _ => None,
        }
    }

    /// The path of the stream's log at the resource manager.
    pub fn log_path(&self) -> String {
        let log = "/providers/Microsoft.Insights/eventtypes/management/values";
        match self {
            Partition::Subscription(id) => format!("/subscriptions/{id}{log}"),
            Partition::Tenant(_) => log.to_owned(),
        }
    }
}

/// The partition's stable name in the contract.
impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Subscription(id) => write!(formatter, "subscriptions/{id}"),
            Partition::Tenant(tenant) => write!(formatter, "tenants/{tenant}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_meaning() {
        for name in [
            "subscriptions/11111111-2222-3333-4444-5555aaaabbbb",
            "tenants/contoso.example",
        ] {
            assert_eq!(Partition::parse(name).unwrap().to_string(), name);
        }
        for name in [
            "",
            "tenants",
            "subscriptions/",
            "subscriptions/1111",
            "tenant",
            "tenants/",
        ] {
            assert_eq!(Partition::parse(name), None, "{name}");
        }
    }
}
