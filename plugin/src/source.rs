//! The five functions of the contract over plain Rust types: what `component` exports and what tests call.

use crate::contract::{Batch, Discovery, Error, Fault, Issue, Manifest, Plan, Report, Request};
use crate::http::World;

/// What this source is.
pub fn describe() -> Manifest {
    Manifest {
        name: "azure-activity".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Azure Monitor Activity Log of subscriptions and of the tenant".to_owned(),
        homepage: env!("CARGO_PKG_HOMEPAGE").to_owned(),
        config_schema: "{}".to_owned(),
        formats: ["ecs", "ocsf", "aisoc", "raw"].map(str::to_owned).to_vec(),
        cursor_format: 1,
        default_interval: 300_000_000_000,
        minimum_interval: 30_000_000_000,
    }
}

/// Checks a configuration offline and returns every issue at once.
pub fn validate(_config: &str) -> Result<Plan, Vec<Issue>> {
    Err(vec![Issue {
        pointer: String::new(),
        message: "not readable yet".to_owned(),
    }])
}

/// Finds the partitions that a configuration asks for.
pub fn discover(_world: &mut dyn World, _config: &str, _session: Option<&[u8]>) -> Result<Discovery, Error> {
    Err(unfinished())
}

/// Tests one partition with the request that [`poll`] would send, reading at most one event.
pub fn check(
    _world: &mut dyn World,
    _config: &str,
    _session: Option<&[u8]>,
    _partition: &str,
) -> Result<Report, Error> {
    Err(unfinished())
}

/// Fetches and normalizes the next batch of one partition.
pub fn poll(_world: &mut dyn World, _request: &Request) -> Result<Batch, Error> {
    Err(unfinished())
}

fn unfinished() -> Error {
    Error {
        fault: Fault::Broken,
        code: "source.unfinished",
        message: "this function is being built".to_owned(),
        hint: None,
        retry_after: None,
        session: None,
    }
}
