//! What needs an upstream: discovery, reading, and everything that is done with what was read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use headwater::component::raw::{Discovery, Manifest, Plan, Session};
use headwater::component::{attribute_problem, check_partitions, judge_manifest};
use headwater::egress::{Grant, HttpClient, Origin};
use headwater::redact::Redactor;

use super::check::Check;
use super::harness::{Harness, Setting};
use super::reading::{MOST_POLLS, Reading, SMALL_BATCH, SourceUnderTest, Stop};
use super::settings::SourceSettings;
use super::transport::RecordedTransport;
use super::{identity, inspect, offline, refusal, resume, same, trouble};

/// Partitions that are read.
const MOST_PARTITIONS: usize = 3;

/// Everything that needs an upstream. The error says what was in the way.
pub(super) async fn examine(
    harness: &Harness<'_>,
    offline: Setting,
    settings: SourceSettings,
    manifest: &Manifest,
) -> Result<(), String> {
    let (source, recorded, plan) = prepare(harness, offline, settings, manifest).await?;
    let (partitions, session) = discover(&source).await?;
    identity::of_partitions(&source, &plan, &partitions, &recorded.answers());
    let mut readings = Vec::new();
    for partition in partitions.iter().take(MOST_PARTITIONS) {
        let read = source
            .read(partition, None, session.clone(), SMALL_BATCH, MOST_POLLS)
            .await;
        readings.push(read.map_err(|stop| explain(partition, &stop))?);
    }
    for reading in &readings {
        same::again(&source, reading).await;
        same::in_one_instance(&source, reading).await;
        resume::from_cursors(&source, reading).await;
        resume::at_the_end(&source, reading).await;
        resume::after_interruptions(&source, reading).await;
        refusal::of_cursors(&source, reading, manifest.cursor_format).await;
        refusal::of_large_batches(&source, reading).await;
        identity::of_events(&source, reading);
    }
    // Each takes the time of its deadlines, and partitions share the code for that.
    if let Some(reading) = readings.first() {
        trouble::refusals(&source, reading).await;
        trouble::hanging(&source, reading).await;
    }
    same::in_turn(&source, &readings).await;
    for reading in &readings {
        credentials_stay_inside(&source, reading, &recorded);
    }
    Ok(())
}

/// The source with its configuration judged, its secrets fetched and its upstream recorded.
async fn prepare<'a>(
    harness: &'a Harness<'a>,
    offline: Setting,
    settings: SourceSettings,
    manifest: &Manifest,
) -> Result<(SourceUnderTest<'a>, Arc<RecordedTransport>, Plan), String> {
    let judged = judge_manifest(manifest.clone()).map_err(|failure| failure.message)?;
    let resolved = settings
        .config
        .resolve(&judged.secret_keys())
        .await
        .map_err(|missing| missing.to_string())?;
    let mut setting = Setting {
        secrets: resolved.redactor,
        ..offline
    };
    let plan = match offline::judge(harness, &setting, "the configuration", &resolved.json).await {
        Some(Ok(plan)) => plan,
        Some(Err(issues)) => {
            let issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
            return Err(format!("it refuses the configuration: {}", issues.join("; ")));
        }
        None => return Err("it cannot judge the configuration".to_owned()),
    };
    let grant = Arc::new(settings.grant);
    let planned = planned(&plan, &grant)?;
    let route = settings
        .outbound
        .route()
        .await
        .map_err(|error| error.to_string())?;
    let network = Arc::new(HttpClient::new(grant.clone(), &route, Duration::ZERO));
    let recorded = Arc::new(RecordedTransport::new(network, grant));
    setting.surroundings.transport = recorded.clone();
    setting.surroundings.grant = Arc::new(planned);
    setting.surroundings.secrets = resolved.bound;
    let source = SourceUnderTest {
        harness,
        setting,
        config: resolved.json,
    };
    Ok((source, recorded, plan))
}

/// What the plan grants: requests to anything else are counted as violations.
fn planned(plan: &Plan, grant: &Grant) -> Result<Grant, String> {
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
async fn discover(source: &SourceUnderTest<'_>) -> Result<(Vec<String>, Option<Session>), String> {
    let harness = source.harness;
    let found = ask(source).await?;
    let again = ask(source).await?;
    let named = check_partitions(&found.partitions);
    harness.expect(Check::Discover, named.is_ok(), || {
        named.err().map(|failure| failure.message).unwrap_or_default()
    });
    harness.expect(Check::Discover, found.partitions == again.partitions, || {
        "it finds other partitions each time".to_owned()
    });
    let session = found.session.session().map(Session::as_bytes);
    let secrets = source.setting.secrets.with_session(session);
    for info in &found.partitions {
        let reason = info.unavailable.as_deref().unwrap_or_default();
        let attributes = info.attributes.iter();
        let attributes: String = attributes
            .map(|attribute| format!(" {} {}", attribute.name, attribute.value))
            .collect();
        let text = format!("{} {} {reason}{attributes}", info.id, info.title);
        harness.guard(&secrets, "discover", &text);
        let problem = attribute_problem(&info.attributes);
        harness.expect(Check::Discover, problem.is_none(), || {
            format!("{} has {}", info.id, problem.unwrap_or_default())
        });
    }
    let readable = found
        .partitions
        .into_iter()
        .filter(|info| info.unavailable.is_none());
    let ids: Vec<String> = readable.map(|info| info.id).collect();
    if ids.is_empty() {
        return Err("discover found nothing that can be read".to_owned());
    }
    Ok((ids, found.session.apply(None)))
}

/// One discovery without a session.
async fn ask(source: &SourceUnderTest<'_>) -> Result<Discovery, String> {
    let (harness, setting) = (source.harness, &source.setting);
    let mut instance = harness.instance(setting);
    let found = instance.discover(&source.config, None, source.deadline()).await;
    match harness.returned(setting, "discover", &mut instance, found) {
        Some(Ok(discovery)) => Ok(discovery),
        Some(Err(error)) => {
            inspect::error(harness, setting, "discover", &error);
            Err(format!("discover says: {} [{}]", error.message, error.code))
        }
        None => Err("discover did not return".to_owned()),
    }
}

/// Credentials that the source made itself are known when they have been sent.
fn credentials_stay_inside(source: &SourceUnderTest<'_>, reading: &Reading, recorded: &RecordedTransport) {
    let secrets = Redactor::new(recorded.credentials());
    let texts: HashSet<String> = reading
        .steps
        .iter()
        .flat_map(|step| inspect::texts(&step.batch))
        .collect();
    for text in &texts {
        source
            .harness
            .guard(&secrets, format_args!("a batch of {}", reading.partition), text);
    }
}

fn explain(partition: &str, stop: &Stop) -> String {
    match stop {
        Stop::Error(error) => {
            let hint = error.hint.as_ref().map(|hint| format!("; {hint}"));
            format!(
                "{partition} cannot be read: {} [{}]{}",
                error.message,
                error.code,
                hint.unwrap_or_default()
            )
        }
        Stop::Lost => format!("the poll of {partition} did not return"),
    }
}
