//! The streams that this source reads: one per subscription, and the tenant's own log.

use std::fmt;

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
            Some(id) => Some(Partition::Subscription(guid(id)?)),
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

/// A GUID in its usual form, in lower case; None for anything else.
pub fn guid(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('-').collect();
    let right = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    right.then(|| text.to_ascii_lowercase())
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

    #[test]
    fn guids_come_out_in_lower_case() {
        let lower = "11111111-2222-3333-4444-5555aaaabbbb";
        assert_eq!(guid(&lower.to_uppercase()).as_deref(), Some(lower));
        for text in [
            "",
            "11111111222233334444555566667777",
            "1111111g-2222-3333-4444-555566667777",
        ] {
            assert_eq!(guid(text), None, "{text}");
        }
    }
}
