//! Polls of one subscription with the usual configuration, and what they measure.

use azure_activity::contract::{Batch, Budget, Error, Request};
use azure_activity::instant::parse_rfc3339;
use azure_activity::source;

use super::{LogEvent, Order, SECOND, SUBSCRIPTION, Simulated};

pub const MINUTE: u64 = 60 * SECOND;

/// An Azure with events a minute apart, the first an hour ago.
pub fn azure(events: u32) -> Simulated {
    let now = parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
    let event = |id| {
        let time = now - 60 * MINUTE + u64::from(id) * MINUTE + SECOND;
        LogEvent {
            id,
            time,
            visible: time,
        }
    };
    Simulated::new(now, (0..events).map(event).collect(), 5, Order::NewestFirst)
}

pub fn request(secret: &str, cursor: Option<Vec<u8>>, session: Option<Vec<u8>>) -> Request {
    let config = format!(
        r#"{{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
            "client_secret":"{secret}","subscription_id":"{SUBSCRIPTION}","drop":[]}}"#
    );
    let budget = Budget {
        max_events: 1000,
        max_bytes: 1 << 20,
        deadline: 120 * SECOND,
    };
    Request {
        config,
        partition: format!("subscriptions/{SUBSCRIPTION}"),
        cursor,
        session,
        budget,
    }
}

pub fn poll(
    azure: &mut Simulated,
    cursor: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
) -> Result<Batch, Error> {
    azure.begin_call();
    source::poll(azure, &request("hunter2", cursor, session))
}

pub fn measure(batch: &Batch, name: &str, label: &str) -> u64 {
    let found = batch
        .measures
        .iter()
        .find(|measure| measure.name == name && measure.label == label);
    found.map_or(0, |measure| measure.value)
}
