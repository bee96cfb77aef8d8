//! A fake Azure with something to read.

use std::net::SocketAddr;

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::bulk::Recipe;
use fake_azure::scenario::example;
use fake_azure::{Azure, Scope, Script, Server, Settings};

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
pub fn serve(azure: Azure) -> Server {
    Server::start(azure, SocketAddr::from(([127, 0, 0, 1], 0))).expect("a loopback port is free")
}

/// Serves with a script of failures, see `tests/README.md`.
pub fn serve_with_faults(mut azure: Azure, script: &str) -> Server {
    azure.play(Script::parse(script).expect("the script is readable"));
    serve(azure)
}

/// Every id that the server would show now, sorted.
pub fn visible_ids(server: &Server) -> Vec<String> {
    let mut ids: Vec<String> = server
        .azure()
        .ids(Utc::now())
        .into_values()
        .flat_map(|ids| ids.visible)
        .collect();
    ids.sort();
    ids
}
