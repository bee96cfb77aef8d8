//! The demonstration: an hour in two subscriptions, with events of all eight categories, in which somebody takes over.

mod attack;
mod health;
mod monitoring;
mod oddities;
mod posture;
mod routine;

use crate::directory::Scope;
use crate::event::Event;
use crate::scenario::story::Story;
use crate::time::Instant;

/// The events of the hour before `end`, the same for the same seed but for their times. All of them are in sight at
/// `end`, some of them since much less time than others.
pub fn events(end: Instant, seed: u64) -> Vec<(Scope, Event)> {
    let mut story = Story::new(end, seed);
    routine::tell(&mut story);
    monitoring::tell(&mut story);
    health::tell(&mut story);
    posture::tell(&mut story);
    attack::tell(&mut story);
    oddities::tell(&mut story);
    story.events
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use chrono::TimeDelta;
    use serde_json::Value;

    use super::*;
    use crate::time;

    fn hour() -> Vec<(Scope, Event)> {
        events(time::parse_strict("2026-05-04T11:00:00Z").unwrap(), 1)
    }

    fn count(part: impl Fn(&Value) -> String) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, event) in hour() {
            let value: Value = serde_json::from_str(&event.text()).unwrap();
            *counts.entry(part(&value)).or_default() += 1;
        }
        counts
    }

    #[test]
    fn all_eight_categories_occur() {
        insta::assert_json_snapshot!(count(|event| {
            let category = &event["category"];
            category
                .as_str()
                .or(category["value"].as_str())
                .unwrap_or("none")
                .to_owned()
        }));
    }

    #[test]
    fn the_attack_is_in_the_log() {
        let operations = count(|event| {
            event["operationName"]["value"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        for operation in [
            "Microsoft.Authorization/elevateAccess/action",
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/locks/delete",
            "Microsoft.Insights/diagnosticSettings/delete",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
            "Microsoft.Compute/virtualMachines/runCommand/action",
            "Microsoft.KeyVault/vaults/delete",
        ] {
            assert!(operations.contains_key(operation), "{operation}");
        }
    }

    #[test]
    fn every_event_lies_in_the_hour_is_in_sight_at_its_end_and_has_an_id_of_its_own() {
        let end = time::parse_strict("2026-05-04T11:00:00Z").unwrap();
        let mut ids = BTreeSet::new();
        for (_, event) in hour() {
            assert!(
                event.time >= end - TimeDelta::hours(1) && event.time <= end,
                "{}",
                event.text()
            );
            assert!(
                event.visible_at >= event.time && event.visible_at <= end,
                "{}",
                event.text()
            );
            assert!(ids.insert(event.id().into_owned()), "{}", event.text());
        }
    }

    #[test]
    fn some_events_are_more_than_five_minutes_late() {
        let late = hour()
            .iter()
            .filter(|(_, event)| event.visible_at - event.time > TimeDelta::minutes(5))
            .count();
        assert!(late >= 5, "{late}");
    }
}
