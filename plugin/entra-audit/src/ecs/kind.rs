//! `event.category` and `event.type`, of the words that the schema allows together.

use crate::facts::Facts;

/// Categories of the log that are about settings and not about identities. Source of the names: Microsoft Entra, "Audit log
/// categories and activities".
const OF_SETTINGS: [&str; 8] = [
    "AuthorizationPolicy",
    "CrossTenantAccessSettings",
    "Device",
    "DeviceConfiguration",
    "DeviceManagement",
    "DirectoryManagement",
    "Label",
    "Policy",
];

/// `event.category`.
pub fn categories(facts: &Facts<'_>) -> Vec<&'static str> {
    let category = facts.text("/category").unwrap_or_default();
    if OF_SETTINGS
        .iter()
        .any(|known| category.eq_ignore_ascii_case(known))
    {
        vec!["configuration"]
    } else {
        vec!["iam"]
    }
}

/// `event.type`: what was done, and to what.
pub fn types(facts: &Facts<'_>) -> Vec<&'static str> {
    let mut types = vec![verb(facts)];
    if categories(facts) == ["iam"] {
        let about = match facts.text("/category").unwrap_or_default() {
            "UserManagement" => "user",
            "GroupManagement" => "group",
            _ => "admin",
        };
        types.push(about);
    }
    types
}

/// The verb: the type of operation, else the first word of the activity.
fn verb(facts: &Facts<'_>) -> &'static str {
    let activity = facts.activity();
    let first = activity.split_whitespace().next().unwrap_or_default();
    let operation = facts.text("/operationType").unwrap_or(first);
    match operation.to_ascii_lowercase().as_str() {
        // What is added to something changes it.
        "add" if activity.contains(" to ") => "change",
        "add" | "create" | "invite" | "register" => "creation",
        "delete" | "harddelete" | "hard" | "softdelete" => "deletion",
        "remove" if !activity.contains(" from ") => "deletion",
        "assign" | "unassign" | "update" | "remove" | "set" | "change" | "disable" | "enable" | "reset" => {
            "change"
        }
        _ => "info",
    }
}
