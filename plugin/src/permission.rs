//! Whether the application has the permission to read a subscription's log, by what Azure says of its roles there.

use serde_json::Value;

use crate::arm::{Arm, permissions_url};
use crate::contract::Fault;
use crate::duration::MINUTE;
use crate::fault::{Failure, member, without_mark};
use crate::link;

/// The action that reading the log is.
const READ: &str = "Microsoft.Insights/eventtypes/values/Read";

/// Most pages of permissions; one is usual.
const MOST_PAGES: usize = 10;

/// Asks for the permissions at a subscription. None if they cannot be seen, or not all of them.
pub fn is_granted(arm: &mut Arm<'_>, subscription: &str) -> Option<bool> {
    let mut url = permissions_url(arm.settings, subscription);
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions");
    for _ in 0..MOST_PAGES {
        let response = arm.get_whole(&url).ok()?;
        let page: Value = serde_json::from_slice(without_mark(&response.body)).ok()?;
        if page["value"].as_array()?.iter().any(allows) {
            return Some(true);
        }
        match page["nextLink"].as_str().filter(|link| !link.is_empty()) {
            None => return Some(false),
            Some(next) if link::leads_to(next, &arm.settings.cloud.resource_manager, &path) => {
                url = link::sendable(next);
            }
            Some(_) => return None,
        }
    }
    None
}

/// The list was empty, and no role allows more.
pub fn missing() -> Failure {
    Failure::new(
        Fault::Denied,
        "azure.no_permission",
        "Azure answers with an empty log, and no role of the application allows to read it",
    )
    .hint(
        "assign the role Reader to the application at the subscription; if it was assigned minutes ago, wait",
    )
    .after(Some(MINUTE))
}

/// Whether one role assignment allows it: some action does, and none of its exceptions takes it back.
fn allows(permission: &Value) -> bool {
    let any = |name| {
        let actions = member(permission, name).as_array();
        let mut actions = actions.into_iter().flatten().filter_map(Value::as_str);
        actions.any(|action| matches(action, READ))
    };
    any("actions") && !any("notActions")
}

/// Whether a pattern of actions, in which `*` stands for any text, covers an action, letter case aside.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_and_their_exceptions_decide() {
        for (actions, not_actions, expected) in [
            (vec!["*/read"], vec![], true),
            (vec!["*"], vec![], true),
            (vec!["*"], vec!["Microsoft.Authorization/*/Delete"], true),
            (vec!["*"], vec!["Microsoft.Insights/*"], false),
            (
                vec!["*/READ"],
                vec!["microsoft.insights/eventTypes/values/read"],
                false,
            ),
            (vec!["Microsoft.Insights/eventtypes/values/Read"], vec![], true),
            (vec!["Microsoft.Insights/eventtypes/*"], vec![], true),
            (vec!["Microsoft.Insights/*/read"], vec![], true),
            (vec!["Microsoft.Resources/subscriptions/read"], vec![], false),
            (vec!["Microsoft.Insights/eventtypes/values"], vec![], false),
            (vec!["Microsoft.Insights/*/write", "x"], vec![], false),
            (vec![], vec![], false),
        ] {
            let permission = json!({ "actions": actions, "notActions": not_actions });
            assert_eq!(allows(&permission), expected, "{permission}");
        }
        assert!(!allows(&json!({ "actions": "*" })));
        assert!(!allows(&Value::Null));
    }
}
