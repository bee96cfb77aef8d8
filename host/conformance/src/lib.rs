//! The conformance kit: does a source keep the contract?
//!
//! [`examine`] calls a plugin in every way that must make no difference, and reports which of its promises it breaks.
//! Without [`SourceSettings`] it calls `describe` and `validate`. With them it reads the upstream while nothing else
//! changes: the calendar shows one instant, and each request to the upstream is sent once and gets the same response
//! ever after (`transport`). So two polls differ by what the source does and by nothing else. One partition after the
//! other is read to its end in small batches (`reading`); then the same polls are made again without the session, in a
//! used instance, between other partitions (`same`), from every cursor and after lost connections (`resume`), from
//! cursors that are not valid and with budgets that hardly hold an event (`refusal`). Whatever a call returns is looked
//! at as well (`inspect`). What a valid event, cursor, partition and code is, the library says; the kit has no
//! judgement of its own there.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use headwater::{Host, cursor::MemoryStore};
//!
//! let host = Host::builder().cursors(MemoryStore::new()).build()?;
//! let plugin = host.load("my_source.wasm").await?;
//! let report = headwater_conformance::examine(&plugin, None).await;
//! assert!(report.passed(), "{report}");
//! # Ok(())
//! # }
//! ```

mod check;
mod findings;
mod harness;
mod identity;
mod inspect;
mod offline;
mod online;
mod reading;
mod refusal;
mod report;
mod resume;
mod same;
mod settings;
mod transport;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headwater::Plugin;
use headwater::component::Surroundings;
use headwater::component::raw::Manifest;
use headwater::egress::{BoundSecrets, Grant, NoNetwork};
use headwater::model::Limits;
use headwater::plugin::PluginError;
use headwater::redact::Redactor;

pub use self::check::Check;
use self::findings::Findings;
use self::harness::{Harness, Setting};
pub use self::report::{CheckOutcome, CheckResult, Report};
pub use self::settings::SourceSettings;

/// What needs a configuration.
const ONLINE: [Check; 19] = [
    Check::Origins,
    Check::Discover,
    Check::Events,
    Check::Budget,
    Check::Resume,
    Check::FreshInstance,
    Check::SessionLoss,
    Check::EmptyProgress,
    Check::ErrorShape,
    Check::Refusal,
    Check::Interruption,
    Check::Independence,
    Check::CursorFormat,
    Check::CursorRefusal,
    Check::Clock,
    Check::Secrets,
    Check::Deadline,
    Check::PartitionIdentity,
    Check::UniqueIds,
];

/// A report about a file that could not be loaded because of what it imports or exports.
///
/// # Errors
///
/// The same error, when it is no finding about a source: the file cannot be read, or is something else.
pub fn report_unloadable(error: PluginError) -> Result<Report, PluginError> {
    let (check, path) = match &error {
        PluginError::ForbiddenImports { path, .. } => (Check::World, path),
        PluginError::WrongWorld { path, .. } => (Check::Version, path),
        _ => return Err(error),
    };
    let file = path.display().to_string();
    let mut findings = Findings::default();
    findings.expect(check, false, || error.to_string());
    Ok(Report::new(file, String::new(), "", &findings))
}

/// Examines a plugin, with a source's settings if there are any. Nothing is delivered and no cursor is stored. Needs a
/// Tokio runtime.
pub async fn examine(plugin: &Plugin, source: Option<SourceSettings>) -> Report {
    let harness = Harness::new(plugin);
    // Loading has settled both.
    harness.expect(Check::World, true, String::new);
    harness.expect(Check::Version, true, String::new);
    let (manifest, obstacle) = run(&harness, source).await;
    let name = manifest.map_or_else(String::new, |manifest| {
        format!("{} {}", manifest.name, manifest.version)
    });
    let file = plugin.path().display().to_string();
    let report = Report::new(file, plugin.digest().to_owned(), &name, &harness.findings());
    report.with_obstacle(obstacle)
}

async fn run(harness: &Harness<'_>, source: Option<SourceSettings>) -> (Option<Manifest>, Option<String>) {
    let offline = without_network(source.as_ref().map(|source| source.limits));
    let Some(manifest) = offline::describe(harness, &offline).await else {
        return (None, Some("it cannot say what it is".to_owned()));
    };
    offline::validate(harness, &offline, &manifest).await;
    let obstacle = match source {
        Some(source) => online::examine(harness, offline, source, &manifest).await.err(),
        None => {
            for check in ONLINE {
                harness.skip(check, "needs an upstream, and so the configuration of a source");
            }
            None
        }
    };
    (Some(manifest), obstacle)
}

/// The circumstances of calls that need no network.
fn without_network(limits: Option<Limits>) -> Setting {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Setting {
        surroundings: Surroundings {
            transport: Arc::new(NoNetwork),
            grant: Arc::new(Grant::default()),
            secrets: BoundSecrets::default(),
            limits: limits.unwrap_or_default(),
            // Instants with as little behind the second as the coarsest clock has: nothing depends on it, and reports
            // read better.
            now: Some(Duration::from_secs(now.as_secs())),
        },
        secrets: Redactor::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_examination_can_be_a_task_of_a_runtime() {
        fn is_send<T: Send>(_: impl FnOnce(&'static Plugin) -> T) {}
        is_send(|plugin| examine(plugin, None));
    }
}
