use std::str::FromStr;

use crate::facts::{Category, Facts, Outcome, RoleChange};
use crate::json::{Embedded, Shape, Text, Value};
use crate::record::{Part, Record};

/// What must be true of a record, besides its operation, for a row to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// A request of somebody failed.
    Failed,
    /// The request opens a storage account to the network, to anonymous readers or to unencrypted connections.
    OpensStorage,
    /// The request switches versions or soft delete off.
    WeakensRecovery,
    /// The request lets anonymous readers into a container.
    OpensContainer,
    /// The request lets shared keys open a storage account.
    AllowsSharedKeys,
    /// Nothing says that the role is taken away.
    GrantsRole,
}

impl FromStr for Condition {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "failed" => Ok(Condition::Failed),
            "opens_storage" => Ok(Condition::OpensStorage),
            "weakens_recovery" => Ok(Condition::WeakensRecovery),
            "opens_container" => Ok(Condition::OpensContainer),
            "allows_shared_keys" => Ok(Condition::AllowsSharedKeys),
            "grants_role" => Ok(Condition::GrantsRole),
            _ => Err(()),
        }
    }
}

impl Condition {
    /// Whether it is true.
    pub fn holds(self, record: &Record<'_>, facts: &Facts<'_>) -> bool {
        match self {
            // Policies and scaling fail without anybody's attempt.
            Condition::Failed => {
                facts.outcome == Outcome::Failure && facts.category == Category::Administrative
            }
            Condition::OpensStorage => any_pair(record, |_, key, value| {
                is(key, value, "publicNetworkAccess", "Enabled")
                    || is(key, value, "defaultAction", "Allow")
                    || is(key, value, "allowBlobPublicAccess", "true")
                    || is(key, value, "supportsHttpsTrafficOnly", "false")
            }),
            Condition::WeakensRecovery => any_pair(record, |inside, key, value| {
                let retention = inside.is_some_and(|name| {
                    name.is("deleteRetentionPolicy") || name.is("containerDeleteRetentionPolicy")
                });
                is(key, value, "isVersioningEnabled", "false")
                    || retention && is(key, value, "enabled", "false")
            }),
            Condition::AllowsSharedKeys => any_pair(record, |_, key, value| {
                is(key, value, "allowSharedKeyAccess", "true")
            }),
            Condition::GrantsRole => {
                let change = facts.role.as_ref().map(|role| role.change);
                change != Some(RoleChange::Removed)
            }
            Condition::OpensContainer => any_pair(record, |_, key, value| {
                is(key, value, "publicAccess", "Blob") || is(key, value, "publicAccess", "Container")
            }),
        }
    }
}

/// Whether some member of the request's body satisfies a test, which also gets the last object begun before it.
#[inline(never)]
fn any_pair(record: &Record<'_>, test: impl Fn(Option<Text<'_>>, Text<'_>, Value<'_>) -> bool) -> bool {
    let Some(body) = Embedded::in_value(record.member_of(Part::Properties, "requestbody")) else {
        return false;
    };
    let mut inside = None;
    body.pairs().any(|(key, value)| {
        if value == Value::MISSING {
            inside = Some(key);
        }
        test(inside, key, value)
    })
}

fn is(key: Text<'_>, value: Value<'_>, name: &str, wanted: &str) -> bool {
    key.is(name)
        && match value.shape() {
            Shape::Text(text) => text.is(wanted),
            Shape::Bool(truth) => wanted == if truth { "true" } else { "false" },
            _ => false,
        }
}
