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

    use azure_activity::event::{Normalizer, Outcome, Settings};
    use azure_activity::format::Format;
    use azure_activity::record::Record;
    use azure_activity::rules::default_drop;
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

    /// The ratings of what happened, one for each operation: its end, or all that there is of it.
    fn ratings() -> Vec<(u8, String)> {
        let settings = Settings {
            format: Format::Ecs,
            drop: default_drop(),
            severity: Vec::new(),
            ..Settings::default()
        };
        let mut normalizer = Normalizer::new(settings);
        let mut ratings = Vec::new();
        for (_, event) in hour() {
            let text = event.text();
            let record = Record::read(text.as_bytes());
            if let Outcome::Event(event) = normalizer.apply(&record) {
                let body: Value = serde_json::from_str(&event.body).unwrap();
                let logs = &body["azure"]["activity_logs"];
                if !matches!(logs["phase"].as_str(), Some("start" | "accepted")) {
                    let line = format!("{} {}", logs["severity"]["name"], logs["operation"]);
                    ratings.push((event.severity, line.replace('"', "")));
                }
            }
        }
        ratings
    }

    #[test]
    fn few_of_the_hours_operations_are_above_low_and_those_are_the_ones_to_look_at() {
        let low = 10;
        let mut above: Vec<String> = ratings()
            .into_iter()
            .filter(|(severity, _)| *severity > low)
            .map(|(_, line)| line)
            .collect();
        assert!(above.len() <= 15, "{above:#?}");
        above.sort();
        insta::assert_snapshot!(above.join("\n"));
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
