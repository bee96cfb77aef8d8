//! Collects the events of an hour, and gives each what every event has.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::directory::Scope;
use crate::event::Event;
use crate::random::Random;
use crate::scenario::example::TENANT;
use crate::time::{self, Instant};

/// The hour's length.
const LENGTH: TimeDelta = TimeDelta::hours(1);

/// An hour that is being told.
#[derive(Debug)]
pub(crate) struct Story {
    end: Instant,
    pub(crate) random: Random,
    pub(crate) events: Vec<(Scope, Event)>,
}

impl Story {
    /// The hour before `end`.
    pub(crate) fn new(end: Instant, seed: u64) -> Story {
        Story {
            end,
            random: Random::new(seed),
            events: Vec::new(),
        }
    }

    /// Some instant within a minute of the hour.
    pub(crate) fn within(&mut self, minute: u8) -> Instant {
        let ticks = self.random.below(55 * time::TICKS_PER_SECOND as u64) as i64;
        self.end - LENGTH + TimeDelta::minutes(i64::from(minute)) + TimeDelta::nanoseconds(ticks * 100)
    }

    /// Adds an event of a subscription at some instant of a minute.
    pub(crate) fn tell_of(&mut self, subscription: &str, minute: u8, delay: i64, event: Value) {
        let at = self.within(minute);
        self.tell(&Scope::Subscription(subscription.to_owned()), at, delay, event);
    }

    /// Adds an event that comes into sight after so many seconds, at the latest when the hour ends. What the event does
    /// not say about itself, and every event does, is filled in.
    pub(crate) fn tell(&mut self, scope: &Scope, at: Instant, delay: i64, mut event: Value) {
        let visible_at = (at + TimeDelta::seconds(delay)).min(self.end).max(at);
        let id = self.random.guid();
        let resource = event["resourceId"]
            .as_str()
            .or(event["resourceUri"].as_str())
            .unwrap_or_default();
        let long_id = format!("{resource}/events/{id}/ticks/{}", time::ticks(at));
        let subscription = match scope {
            Scope::Subscription(id) => id.as_str(),
            Scope::Tenant(_) | Scope::Directory(_) | Scope::SignIns(_) => "",
        };
        if let Some(fields) = event.as_object_mut() {
            let common = [
                ("eventDataId", json!(id)),
                ("id", json!(long_id)),
                ("eventTimestamp", json!(time::iso(at))),
                ("submissionTimestamp", json!(time::iso(visible_at))),
                ("subscriptionId", json!(subscription)),
                ("tenantId", json!(TENANT)),
                ("channels", json!("Operation")),
                ("description", json!("")),
                ("level", json!("Informational")),
                ("relatedEvents", json!([])),
            ];
            for (name, value) in common {
                fields.entry(name).or_insert(value);
            }
        }
        self.events
            .push((scope.clone(), Event::new(&id, at, visible_at, event.to_string())));
    }
}

/// A localizable text whose two forms are equal.
pub(crate) fn localized(value: &str) -> Value {
    json!({"value": value, "localizedValue": value})
}

/// The type of a resource: its path without the names, for example `Microsoft.Network/virtualNetworks/subnets`.
pub(crate) fn resource_type(resource: &str) -> String {
    let mut segments = resource.split('/');
    let provider = segments.next().unwrap_or_default().to_owned();
    segments
        .step_by(2)
        .fold(provider, |kind, segment| format!("{kind}/{segment}"))
}
