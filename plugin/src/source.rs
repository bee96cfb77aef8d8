//! The five functions of the contract over plain Rust types: what `component` exports and what tests call.

use crate::config::{self, Settings};
use crate::contract::{Batch, Discovery, Error, Fault, Issue, Manifest, Nanos, Plan, Report, Request};
use crate::fault::Failure;
use crate::http::Platform;
use crate::partition::Partition;
use crate::{check as connection, describe as description, discovery, reader};

/// What this source is.
pub fn describe() -> Manifest {
    description::manifest()
}

/// Checks a configuration offline and returns every issue at once.
pub fn validate(config: &str) -> Result<Plan, Vec<Issue>> {
    let (settings, warnings) = config::read(config)?;
    Ok(Plan {
        origins: settings.cloud.origins(),
        warnings,
    })
}

/// Finds the partitions that a configuration asks for.
pub fn discover(
    world: &mut dyn Platform,
    config: &str,
    session: Option<&[u8]>,
    deadline: Nanos,
) -> Result<Discovery, Error> {
    discovery::discover(world, &settings(config)?, session, deadline)
}

/// Tests one partition with the request that [`poll`] would send.
pub fn check(
    world: &mut dyn Platform,
    config: &str,
    session: Option<&[u8]>,
    partition: &str,
    deadline: Nanos,
) -> Result<Report, Error> {
    let settings = settings(config)?;
    let partition = wanted(&settings, partition)?;
    connection::check(world, &settings, session, &partition, deadline)
}

/// Fetches and normalizes the next batch of one partition.
pub fn poll(world: &mut dyn Platform, request: &Request) -> Result<Batch, Error> {
    let settings = settings(&request.config)?;
    let partition = wanted(&settings, &request.partition)?;
    reader::poll(world, &settings, &partition, request)
}

/// The configuration, or all its issues in one error: a host should have asked [`validate`] before.
fn settings(config: &str) -> Result<Settings, Error> {
    config::read(config)
        .map(|(settings, _)| settings)
        .map_err(|issues| {
            let sentences: Vec<String> = issues
                .iter()
                .map(|issue| format!("{} {}", issue.pointer, issue.message).trim().to_owned())
                .collect();
            invalid("config.invalid", sentences.join("; "))
        })
}

fn wanted(settings: &Settings, name: &str) -> Result<Partition, Error> {
    Partition::parse(name)
        .filter(|partition| settings.wants(partition))
        .ok_or_else(|| {
            invalid(
                "config.unknown_partition",
                format!("the configuration asks for no partition `{name}`"),
            )
        })
}

fn invalid(code: &'static str, message: String) -> Error {
    Failure::new(Fault::InvalidConfig, code, message).error
}
