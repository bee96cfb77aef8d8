//! Any number of events for load tests, each written from its number when it is asked for.

use std::fmt::{Arguments, Write};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::event::Event;
use crate::random::Random;
use crate::time::{self, Instant};

/// The smallest event, in bytes. Real ones lie between this and the largest.
pub const SMALLEST: usize = 250;

/// The largest event, in bytes.
pub const LARGEST: usize = 10_000;

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("Microsoft.Compute", "virtualMachines", "start/action"),
    ("Microsoft.Compute", "virtualMachines", "write"),
    ("Microsoft.Compute", "disks", "delete"),
    ("Microsoft.Network", "networkInterfaces", "write"),
    ("Microsoft.Network", "networkSecurityGroups", "write"),
    ("Microsoft.Storage", "storageAccounts", "listKeys/action"),
    ("Microsoft.Storage", "storageAccounts", "write"),
    ("Microsoft.Web", "sites", "restart/action"),
    ("Microsoft.Sql", "servers", "write"),
    ("Microsoft.Resources", "deployments", "write"),
];

/// How the events of one subscription are written.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The subscription's id.
    pub subscription: String,
    /// Time of event 0.
    pub start: Instant,
    /// Time from one event to the next.
    pub spacing: TimeDelta,
    /// No event comes into sight later than this after its time. Most come much earlier: the delay is the third power
    /// of a fraction drawn evenly, so half of them take less than an eighth of it.
    pub latest: TimeDelta,
    /// Makes ids, sizes and delays repeatable.
    pub seed: u64,
}

impl Recipe {
    /// The first `count` events.
    pub fn events(self, count: u32) -> impl Iterator<Item = Event> {
        let recipe = Arc::new(self);
        (0..count).map(move |number| Event::from_recipe(recipe.clone(), number))
    }

    /// When an event happens and when it comes into sight.
    pub fn times(&self, number: u32) -> (Instant, Instant) {
        let time = self.start
            + TimeDelta::nanoseconds(self.spacing.num_nanoseconds().unwrap_or(0) * i64::from(number));
        let share = Random::for_item(!self.seed, u64::from(number)).fraction().powi(3);
        let delay = self.latest.num_milliseconds() as f64 * share;
        (time, time + TimeDelta::milliseconds(delay as i64))
    }

    /// `eventDataId`.
    pub fn id(&self, number: u32) -> String {
        self.random(number).guid()
    }

    /// The JSON text.
    pub fn write(&self, number: u32) -> String {
        let mut random = self.random(number);
        let id = random.guid();
        let (time, visible_at) = self.times(number);
        let share = random.fraction().powi(3);
        let size = SMALLEST + ((LARGEST - SMALLEST) as f64 * share) as usize;
        let (provider, kind, verb) = *random.pick(OPERATIONS);
        let mut text = String::with_capacity(size);
        text.push_str(&format!(
            "{{\"eventDataId\":\"{id}\",\"eventTimestamp\":\"{}\",\"submissionTimestamp\":\"{}\",\
             \"level\":\"Informational\",\"operationName\":{{\"value\":\"{provider}/{kind}/{verb}\"}},\"description\":\"\"",
            time::iso(time),
            time::iso(visible_at)
        ));
        if text.len() + 1 < size {
            self.write_more(&mut text, &mut random, [provider, kind], &id, size);
        }
        text.push('}');
        text
    }

    /// Adds the usual members as far as the size goes, then fills it up with a response body.
    fn write_more(
        &self,
        text: &mut String,
        random: &mut Random,
        [provider, kind]: [&str; 2],
        id: &str,
        size: usize,
    ) {
        let (group, item) = (random.below(40), random.below(2000));
        let resource = format!(
            "/subscriptions/{}/resourceGroups/rg-{group:02}/providers/{provider}/{kind}/item{item:04}",
            self.subscription
        );
        let (correlation, user, address) = (random.guid(), random.below(300), random.below(256));
        let mut add = |member: Arguments<'_>| {
            let before = text.len();
            // Writing to a string cannot fail.
            let _ = text.write_fmt(member);
            if text.len() >= size {
                text.truncate(before);
            }
        };
        add(format_args!(
            r#","status":{{"value":"Succeeded","localizedValue":"Succeeded"}}"#
        ));
        add(format_args!(
            r#","category":{{"value":"Administrative","localizedValue":"Administrative"}}"#
        ));
        add(format_args!(r#","subscriptionId":"{}""#, self.subscription));
        add(format_args!(r#","resourceId":"{resource}""#));
        add(format_args!(r#","resourceGroupName":"rg-{group:02}""#));
        add(format_args!(
            r#","resourceProviderName":{{"value":"{provider}","localizedValue":"{provider}"}}"#
        ));
        add(format_args!(r#","resourceType":{{"value":"{provider}/{kind}"}}"#));
        add(format_args!(r#","correlationId":"{correlation}""#));
        add(format_args!(r#","caller":"user{user:03}@contoso.example""#));
        add(format_args!(
            r#","claims":{{"ipaddr":"203.0.113.{address}","ver":"1.0"}}"#
        ));
        add(format_args!(
            r#","eventName":{{"value":"EndRequest","localizedValue":"End request"}}"#
        ));
        add(format_args!(r#","id":"{resource}/events/{id}""#));

        const BEFORE: &str = ",\"properties\":{\"statusCode\":\"OK\",\"responseBody\":\"";
        const AFTER: &str = "\"}";
        let room = size.saturating_sub(text.len() + BEFORE.len() + AFTER.len() + 1);
        if room > 0 {
            text.push_str(BEFORE);
            let pattern = "{\\\"sku\\\":\\\"Standard\\\",\\\"tags\\\":{\\\"team\\\":\\\"web\\\"}} ";
            while text.len() + pattern.len() + AFTER.len() < size {
                text.push_str(pattern);
            }
            text.push_str(AFTER);
        }
    }

    fn random(&self, number: u32) -> Random {
        Random::for_item(self.seed, u64::from(number))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            subscription: "aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e".to_owned(),
            start: time::parse_strict("2026-05-04T10:00:00Z").unwrap(),
            spacing: TimeDelta::milliseconds(10),
            latest: TimeDelta::minutes(20),
            seed: 3,
        }
    }

    #[test]
    fn every_event_is_json_of_a_real_size_and_agrees_with_its_sketch() {
        let recipe = recipe();
        for number in 0..2000 {
            let text = recipe.write(number);
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(
                (SMALLEST - 30..=LARGEST).contains(&text.len()),
                "{} bytes: {text}",
                text.len()
            );
            let (time, visible_at) = recipe.times(number);
            assert_eq!(value["eventDataId"], recipe.id(number));
            assert_eq!(value["eventTimestamp"], time::iso(time));
            assert_eq!(value["submissionTimestamp"], time::iso(visible_at));
            assert!(visible_at >= time && visible_at <= time + recipe.latest);
        }
    }

    #[test]
    fn sizes_spread_over_the_whole_range() {
        let recipe = recipe();
        let sizes: Vec<usize> = (0..2000).map(|number| recipe.write(number).len()).collect();
        assert!(sizes.iter().any(|size| *size < 300));
        assert!(sizes.iter().any(|size| *size > 9_000));
    }
}
