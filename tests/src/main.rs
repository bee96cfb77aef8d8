//! `fake-azure`: the lab as a program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use clap::{Parser, value_parser};
use fake_azure::scenario::bulk::Recipe;
use fake_azure::scenario::live::Live;
use fake_azure::scenario::{demo, example};
use fake_azure::{Application, Azure, Directory, Scope, Script, Server, Settings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// Seconds; no token and no link needs to live longer.
const YEAR: i64 = 366 * 24 * 3600;

/// More events than any test wants, and still few enough for a small machine's memory.
const MOST_EVENTS: u32 = 10_000_000;

/// A fake Azure on a loopback port. When it is ready it prints one line of JSON that says how to reach it, and it runs
/// until SIGTERM or SIGINT. See tests/README.md.
#[derive(Debug, Parser)]
#[command(name = "fake-azure", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What happens: `demo` (one told hour), `bulk:N` (N events in all) or `live`
    #[arg(long, default_value = "demo")]
    scenario: Scenario,
    /// Failures to play, a JSON file
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Number of tenants, each with an application of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    tenants: usize,
    /// Number of subscriptions in each tenant
    #[arg(long, value_name = "N", default_value_t = 2)]
    subscriptions: usize,
    /// A certificate in PEM with which the first tenant's application may log in, besides its secret
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Events on a page
    #[arg(long, value_name = "N", default_value_t = 200)]
    page_size: usize,
    /// Makes ids, sizes and delays repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// bulk: hours over which the events are spread, ending now
    #[arg(long, value_name = "HOURS", default_value_t = 24.0)]
    span: f64,
    /// live: events per second in each subscription
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0)]
    rate: f64,
    /// live: seconds after which nothing happens any more
    #[arg(long, value_name = "SECONDS")]
    stop_after: Option<f64>,
    /// bulk and live: no event comes into sight later than this after it happened
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    latest: f64,
    /// Validity of access tokens
    #[arg(long, value_name = "SECONDS", default_value_t = 3599, value_parser = value_parser!(i64).range(0..=YEAR))]
    token_life: i64,
    /// How long a page link can be followed
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = value_parser!(i64).range(0..=YEAR))]
    link_life: i64,
    /// Put the events of a page in any order
    #[arg(long)]
    shuffle: bool,
    /// Refuse reads beyond Resource Manager's token bucket
    #[arg(long)]
    limit_reads: bool,
}

#[derive(Clone, Copy, Debug)]
enum Scenario {
    Demo,
    Bulk(u32),
    Live,
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Scenario, String> {
        match text.split_once(':') {
            None if text == "demo" => Ok(Scenario::Demo),
            None if text == "live" => Ok(Scenario::Live),
            Some(("bulk", count)) if count.parse().is_ok_and(|count: u32| count > MOST_EVENTS) => {
                Err(format!("{count} is too many: write at most {MOST_EVENTS}"))
            }
            Some(("bulk", count)) => count
                .parse()
                .map(Scenario::Bulk)
                .map_err(|error| format!("{count}: {error}")),
            _ => Err("write demo, bulk:N or live".to_owned()),
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-azure: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let azure = build(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _in_runtime = runtime.enter();
    // Before the line is printed: whoever reads it may send the signal at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let server = Server::start(azure, arguments.listen)
        .with_context(|| format!("cannot listen on {}: choose another --listen", arguments.listen))?;
    println!("{}", connection(&server));
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    Ok(())
}

fn build(arguments: &Arguments) -> Result<Azure> {
    ensure!(
        arguments.page_size > 0,
        "--page-size 0 would never show an event: give at least 1"
    );
    ensure!(
        arguments.tenants > 0,
        "--tenants 0 leaves nobody to log in: give at least 1"
    );
    ensure!(
        arguments.subscriptions > 0,
        "--subscriptions 0 leaves nothing to read: give at least 1"
    );
    let settings = Settings {
        page_size: arguments.page_size,
        token_life: TimeDelta::seconds(arguments.token_life),
        link_life: TimeDelta::seconds(arguments.link_life),
        shuffle: arguments.shuffle,
        limit_reads: arguments.limit_reads,
        seed: arguments.seed,
        ..Settings::default()
    };
    let mut directory = example::fleet(arguments.tenants, arguments.subscriptions);
    if let (Some(path), Some(application)) = (&arguments.certificate, directory.applications.first_mut()) {
        let certificate = CertificateDer::from_pem_file(path)
            .with_context(|| format!("{} is not readable as a certificate in PEM", path.display()))?;
        application.certificates.push(certificate.to_vec());
    }
    let subscriptions: Vec<String> = directory.subscriptions.iter().map(|one| one.id.clone()).collect();
    let mut azure = Azure::new(settings, directory);
    fill(&mut azure, arguments, &subscriptions)?;
    if let Some(path) = &arguments.script {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        azure.play(Script::parse(&text).with_context(|| format!("{} cannot be played", path.display()))?);
    }
    Ok(azure)
}

fn fill(azure: &mut Azure, arguments: &Arguments, subscriptions: &[String]) -> Result<()> {
    ensure!(arguments.latest >= 0.0, "--latest must not be negative");
    let now = Utc::now();
    let seconds = |value: f64| TimeDelta::nanoseconds((value * 1e9) as i64);
    let recipe = |index: usize, start, spacing| Recipe {
        subscription: subscriptions[index].clone(),
        start,
        spacing,
        latest: seconds(arguments.latest),
        seed: arguments.seed.wrapping_add(index as u64),
    };
    match arguments.scenario {
        Scenario::Demo => {
            for (scope, event) in demo::events(now, arguments.seed) {
                azure.add(&scope, event);
            }
        }
        Scenario::Bulk(count) => {
            let span = seconds(arguments.span * 3600.0);
            for (index, id) in subscriptions.iter().enumerate() {
                let share = (count as usize + index) / subscriptions.len();
                let spacing = span / share.max(1) as i32;
                for event in recipe(index, now - span, spacing).events(share as u32) {
                    azure.add(&Scope::Subscription(id.clone()), event);
                }
            }
        }
        Scenario::Live => {
            ensure!(
                (0.001..=10_000.0).contains(&arguments.rate),
                "--rate {} is out of range: give 0.001 to 10000 events per second",
                arguments.rate
            );
            let spacing = seconds(1.0 / arguments.rate);
            let recipes = (0..subscriptions.len())
                .map(|index| recipe(index, now, spacing))
                .collect();
            azure.go_live(Live::new(
                recipes,
                arguments.stop_after.map(|after| now + seconds(after)),
            ));
        }
    }
    Ok(())
}

/// What a client must know, in one line: the first tenant's names at the top, and all tenants in a list.
fn connection(server: &Server) -> Value {
    let azure = server.azure();
    let tenants: Vec<Value> = azure
        .directory
        .applications
        .iter()
        .map(|application| describe(&azure.directory, application))
        .collect();
    let mut connection = tenants.first().cloned().unwrap_or_default();
    connection["base_url"] = json!(server.endpoint());
    connection["tenants"] = json!(tenants);
    connection
}

fn describe(directory: &Directory, application: &Application) -> Value {
    let subscriptions = directory
        .subscriptions
        .iter()
        .filter(|one| one.tenant == application.tenant);
    json!({
        "tenant_id": application.tenant,
        "client_id": application.client_id,
        "client_secret": application.secrets.first().map(|secret| &secret.value),
        "subscriptions": subscriptions.map(|one| json!({"id": one.id, "name": one.name})).collect::<Vec<_>>(),
    })
}
