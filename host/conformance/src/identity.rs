//! Whether the ids of partitions say which stream they are of, and the ids of events which event.

use std::collections::HashMap;

use headwater::component::raw::Plan;
use headwater::egress::Origin;
use serde_json::Value;

use super::check::Check;
use super::reading::{Reading, SourceUnderTest};

/// A part of an id that is at least so long and that the upstream gave is its name of something: a GUID, a number of an account.
const NAMING: usize = 8;

/// Looks at the ids of partitions: another upstream must have others.
pub(super) fn of_partitions(source: &SourceUnderTest<'_>, plan: &Plan, ids: &[String], answers: &[String]) {
    if plan.origins.is_empty() {
        let reason = "its plan names no origins, so that there is no other upstream";
        return source.harness.skip(Check::PartitionIdentity, reason);
    }
    let mut texts = Vec::new();
    gather(
        &serde_json::from_str(&source.config).unwrap_or_default(),
        &mut texts,
    );
    let hosts: Vec<String> = plan
        .origins
        .iter()
        .filter_map(|origin| Origin::parse(origin).ok())
        .map(|origin| origin.to_string())
        .filter_map(|origin| Some(origin.split_once("://")?.1.to_owned()))
        .collect();
    for id in ids {
        source.harness.expect(
            Check::PartitionIdentity,
            is_named(id, &texts, &hosts, answers),
            || {
                format!(
                    "\"{id}\" would be the same for another upstream: make what names the stream a part of it, for example \
                     the address"
                )
            },
        );
    }
}

/// Whether an id holds something that tells upstreams apart: a host, a text of the configuration, a name that the upstream gave.
fn is_named(id: &str, texts: &[String], hosts: &[String], answers: &[String]) -> bool {
    let is_given = |part: &&str| {
        part.len() >= NAMING
            && (texts.iter().any(|text| text.eq_ignore_ascii_case(part))
                || answers
                    .iter()
                    .any(|answer| answer.to_ascii_lowercase().contains(&part.to_ascii_lowercase())))
    };
    texts.iter().any(|text| text == id)
        || hosts.iter().any(|host| id.contains(host.as_str()))
        || id.split(['/', ':', '?', '#', '=']).any(|part| is_given(&part))
}

/// All texts in a configuration.
fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(members) => members.values().for_each(|member| gather(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Looks at the ids of the events of a reading: one that stands for two events loses one of them in every receiver that
/// de-duplicates.
pub(super) fn of_events(source: &SourceUnderTest<'_>, reading: &Reading) {
    let mut bodies: HashMap<&str, &str> = HashMap::new();
    let mut shared = None;
    for event in reading.steps.iter().flat_map(|step| &step.batch.events) {
        let known = bodies.entry(&event.id).or_insert(&event.body);
        if *known != event.body {
            shared = Some(&event.id);
        }
    }
    source.harness.expect(Check::UniqueIds, shared.is_none(), || {
        let id = shared.map(String::as_str).unwrap_or_default();
        format!("two events of {} share the id \"{id}\"", reading.partition)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_stream_by_host_by_configuration_or_by_the_upstream() {
        let texts = ["contoso.example".to_owned(), "a".to_owned()];
        let hosts = ["feed.example:8080".to_owned()];
        let answers = [r#"{"id":"11111111-2222-3333-4444-5555AAAABBBB"}"#.to_owned()];
        let named = |id: &str| is_named(id, &texts, &hosts, &answers);
        for id in [
            "http://feed.example:8080/entries",
            "a",
            "tenants/contoso.example",
            "subscriptions/11111111-2222-3333-4444-5555aaaabbbb",
        ] {
            assert!(named(id), "{id}");
        }
        for id in ["feed", "log/1", "subscriptions", "b", "everything"] {
            assert!(!named(id), "{id}");
        }
    }
}
