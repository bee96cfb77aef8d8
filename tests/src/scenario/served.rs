//! A fake Azure with something to read, behind a socket.

use std::net::SocketAddr;

use chrono::{TimeDelta, Utc};

use super::bulk::Recipe;
use super::example;
use crate::azure::Azure;
use crate::directory::Scope;
use crate::server::Server;
use crate::settings::Settings;

/// The example tenant with two subscriptions, each with so many events of the last ten hours.
pub fn with_events(count: u32) -> Azure {
    let mut azure = Azure::new(Settings::default(), example::directory(2));
    for (seed, subscription) in [example::PRODUCTION, example::DEVELOPMENT]
        .into_iter()
        .enumerate()
    {
        let recipe = Recipe {
            subscription: subscription.to_owned(),
            start: Utc::now() - TimeDelta::hours(10),
            spacing: TimeDelta::hours(10) / i32::try_from(count.max(1)).unwrap_or(i32::MAX),
            latest: TimeDelta::zero(),
            seed: seed as u64,
        };
        let scope = Scope::Subscription(subscription.to_owned());
        for event in recipe.events(count) {
            azure.add(&scope, event);
        }
    }
    azure
}

/// Serves on a free loopback port.
///
/// # Panics
///
/// There is none.
pub fn serve(azure: Azure) -> Server {
    Server::start(azure, SocketAddr::from(([127, 0, 0, 1], 0))).expect("a loopback port is free")
}
