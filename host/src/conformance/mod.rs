//! `headwater conformance`: does a source keep the contract?
//!
//! Without a configuration the kit calls `describe` and `validate`. With one it reads the upstream, in a world that stands
//! still: the calendar shows one instant, and each question to the upstream is asked once and answered the same ever
//! after (`upstream`). So two polls differ by what the source does and by nothing else. One partition after the other is
//! read to its end in small batches (`reading`); then the same polls are made again without the session, in a used
//! instance, between other partitions (`same`), from every cursor and after lost connections (`resume`), from cursors
//! that are none and with budgets that hardly hold an event (`refusal`). Whatever a call returns is looked at as well
//! (`inspect`).

mod check;
mod findings;
mod inspect;
mod lab;
mod offline;
mod reading;
mod refusal;
mod report;
mod resume;
mod same;
mod upstream;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::check::Check;
use self::findings::Findings;
use self::lab::{Lab, World};
use self::reading::{MOST_POLLS, Reading, SMALL_BATCH, Stop, Subject};
pub use self::report::{Outcome, Report, Verdict};
use self::upstream::{Frozen, Nowhere};
use crate::bindings::exports::headwater::source::descriptor::Manifest;
use crate::bindings::exports::headwater::source::source as wit;
use crate::config::{Limits, SourceConfig};
use crate::discovery;
use crate::egress::{BoundSecrets, Grant, Origin, Sender};
use crate::manifest;
use crate::plugin::{Plugin, PluginError};
use crate::redact::Redactor;

/// Partitions that are read.
const MOST_PARTITIONS: usize = 3;
/// What needs a configuration.
const ONLINE: [Check; 15] = [
    Check::Origins,
    Check::Discover,
    Check::Events,
    Check::Budget,
    Check::Resume,
    Check::FreshInstance,
    Check::SessionLoss,
    Check::EmptyProgress,
    Check::ErrorShape,
    Check::Interruption,
    Check::Independence,
    Check::CursorFormat,
    Check::CursorRefusal,
    Check::Clock,
    Check::Secrets,
];

/// A report about a file that could not be loaded because of what it imports or exports. Other reasons are no findings
/// about a source, and come back.
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

/// Examines a plugin, with a source's configuration if there is one.
pub async fn examine(plugin: Arc<Plugin>, source: Option<SourceConfig>) -> Report {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Instants with as little behind the second as the coarsest clock has: nothing depends on it, and reports read better.
    let now = Duration::from_secs(now.as_secs());
    let limits = source
        .as_ref()
        .map_or_else(Limits::default, |source| source.limits);
    let lab = Lab::new(plugin.clone(), limits, now);
    // Loading has settled both.
    lab.expect(Check::World, true, String::new);
    lab.expect(Check::Version, true, String::new);
    let (manifest, obstacle) = run(&lab, source).await;
    let name = manifest.map_or_else(String::new, |manifest| {
        format!("{} {}", manifest.name, manifest.version)
    });
    let file = plugin.path.display().to_string();
    let report = Report::new(file, plugin.digest.clone(), &name, &lab.findings());
    report.with_obstacle(obstacle)
}

async fn run(lab: &Lab, source: Option<SourceConfig>) -> (Option<Manifest>, Option<String>) {
    let offline = World {
        upstream: Arc::new(Nowhere),
        grant: Arc::default(),
        bound: BoundSecrets::default(),
        now: lab.now,
        secrets: Redactor::default(),
    };
    let Some(manifest) = offline::describe(lab, &offline).await else {
        return (None, Some("it cannot say what it is".to_owned()));
    };
    offline::validate(lab, &offline, &manifest).await;
    let obstacle = match source {
        Some(source) => online(lab, offline, source, &manifest).await.err(),
        None => {
            for check in ONLINE {
                lab.skip(check, "needs an upstream: name a configuration with --config");
            }
            None
        }
    };
    (Some(manifest), obstacle)
}

/// Everything that needs an upstream. The error says what stood in the way.
async fn online(lab: &Lab, offline: World, source: SourceConfig, manifest: &Manifest) -> Result<(), String> {
    let keys = manifest::secret_keys(&manifest.config_schema);
    let resolved = source
        .config
        .resolve(&keys)
        .await
        .map_err(|missing| missing.to_string())?;
    let offline = World {
        secrets: resolved.scrubber.clone(),
        ..offline
    };
    let plan = match offline::judge(lab, &offline, "the configuration", &resolved.json).await {
        Some(Ok(plan)) => plan,
        Some(Err(issues)) => {
            let issues: Vec<String> = issues
                .iter()
                .map(|issue| format!("{}: {}", issue.pointer, issue.message))
                .collect();
            return Err(format!("it refuses the configuration: {}", issues.join("; ")));
        }
        None => return Err("it cannot judge the configuration".to_owned()),
    };
    let grant = Arc::new(source.grant.clone());
    let planned = planned(&plan, &grant)?;
    let route = source.outbound.route().await.map_err(|error| error.to_string())?;
    let sender = Arc::new(Sender::new(grant.clone(), &route));
    let frozen = Arc::new(Frozen::new(sender, grant));
    let subject = Subject {
        lab,
        world: World {
            upstream: frozen.clone(),
            grant: Arc::new(planned),
            bound: resolved.bound,
            ..offline
        },
        config: resolved.json,
    };
    let (partitions, session) = discover(&subject).await?;
    let mut readings = Vec::new();
    for partition in partitions.iter().take(MOST_PARTITIONS) {
        let read = subject
            .read(partition, None, session.clone(), SMALL_BATCH, MOST_POLLS)
            .await;
        readings.push(read.map_err(|stop| explain(partition, &stop))?);
    }
    for reading in &readings {
        same::again(&subject, reading).await;
        same::in_one_instance(&subject, reading).await;
        resume::from_cursors(&subject, reading).await;
        resume::at_the_end(&subject, reading).await;
        resume::after_interruptions(&subject, reading).await;
        refusal::of_cursors(&subject, reading, manifest.cursor_format).await;
        refusal::of_large_batches(&subject, reading).await;
    }
    same::in_turn(&subject, &readings).await;
    for reading in &readings {
        credentials_stay_inside(&subject, reading, &frozen);
    }
    Ok(())
}

/// What the plan grants: requests to anything else are counted as violations.
fn planned(plan: &wit::Plan, grant: &Grant) -> Result<Grant, String> {
    let mut origins = Vec::new();
    for text in &plan.origins {
        match Origin::parse(text) {
            Ok(origin) if grant.contains(&origin) => origins.push(origin),
            _ => {
                return Err(format!(
                    "the configuration also needs \"{text}\"; add it to `allow`"
                ));
            }
        }
    }
    Ok(Grant::new(origins, grant.allows_private()))
}

/// The partitions that can be read, and the first session.
async fn discover(subject: &Subject<'_>) -> Result<(Vec<String>, Option<Vec<u8>>), String> {
    let (lab, world) = (subject.lab, &subject.world);
    let mut found = Vec::new();
    for _ in 0..2 {
        let config = subject.config.clone();
        let returned = lab.call(world, "discover", move |source, store| {
            Box::pin(async move {
                source
                    .headwater_source_source()
                    .call_discover(store, &config, None)
                    .await
            })
        });
        let Some((returned, _)) = returned.await else {
            return Err("discover did not return".to_owned());
        };
        match returned {
            Ok(discovery) => found.push(discovery),
            Err(error) => {
                inspect::error(lab, world, "discover", &error);
                return Err(format!("discover says: {} [{}]", error.message, error.code));
            }
        }
    }
    let named = discovery::check_partitions(&found[0].partitions);
    lab.expect(Check::Discover, named.is_ok(), || {
        named.err().map(|failure| failure.message).unwrap_or_default()
    });
    lab.expect(
        Check::Discover,
        found[0].partitions == found[1].partitions,
        || "it finds other partitions each time".to_owned(),
    );
    let secrets = world.secrets.with_session(found[0].session.as_deref());
    for info in &found[0].partitions {
        let reason = info.unavailable.as_deref().unwrap_or_default();
        lab.guard(
            &secrets,
            "discover",
            &format!("{} {} {reason}", info.id, info.title),
        );
    }
    let found = found.swap_remove(0);
    let readable = found
        .partitions
        .into_iter()
        .filter(|info| info.unavailable.is_none());
    let ids: Vec<String> = readable.map(|info| info.id).collect();
    if ids.is_empty() {
        return Err("discover found nothing that can be read".to_owned());
    }
    Ok((ids, found.session))
}

/// Credentials that the source made itself are known when they have been sent.
fn credentials_stay_inside(subject: &Subject<'_>, reading: &Reading, frozen: &Frozen) {
    let secrets = Redactor::new(frozen.credentials());
    let texts: HashSet<String> = reading
        .steps
        .iter()
        .flat_map(|step| inspect::texts(&step.batch))
        .collect();
    for text in &texts {
        subject
            .lab
            .guard(&secrets, format_args!("a batch of {}", reading.partition), text);
    }
}

fn explain(partition: &str, stop: &Stop) -> String {
    match stop {
        Stop::Error(error) => format!(
            "{partition} cannot be read: {} [{}]{}",
            error.message,
            error.code,
            error
                .hint
                .as_ref()
                .map(|hint| format!("; {hint}"))
                .unwrap_or_default()
        ),
        Stop::Lost => format!("the poll of {partition} did not return"),
    }
}
