//! What a thousand quiet tenants cost in one process of the real host: memory, threads and processor time, and whether
//! each of them is polled in time. One JSON object.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::collections::HashMap;
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use fake_azure::scenario::example;
use fake_azure::{Azure, Endpoint, Instant, Server, Settings};
use site::{Site, Source, headwater, wait_until};

const TENANTS: usize = 1_000;
/// Of every source. Shorter than anybody needs, so that a minute tells enough.
const INTERVAL: Duration = Duration::from_secs(10);
/// Measured for so long, after everybody was polled once.
const SPAN: Duration = Duration::from_secs(40);

fn main() {
    let directory = example::fleet(TENANTS, 1);
    let server = lab::serve(Azure::new(Settings::default(), directory.clone()));
    let sources: Vec<Source> = directory
        .applications
        .iter()
        .zip(&directory.subscriptions)
        .enumerate()
        .map(|(number, (application, subscription))| {
            let mut source = Source::azure(&format!("tenant-{number:04}"), server.endpoint())
                .set("tenant_id", &format!("\"{}\"", application.tenant))
                .set("client_id", &format!("\"{}\"", application.client_id))
                .set("client_secret", &format!("{{ file = \"secret-{number}\" }}"))
                .set("subscription_id", &format!("\"{}\"", subscription.id));
            source.interval = format!("{}s", INTERVAL.as_secs());
            source
        })
        .collect();
    let site = Site::new(&sources);
    for (number, application) in directory.applications.iter().enumerate() {
        site.write(&format!("secret-{number}"), &application.secrets[0].value);
    }
    let mut host = start(&site);
    wait_until("every tenant was polled", || polls(&server).len() == TENANTS);
    let before = cpu_seconds(host.id());
    std::thread::sleep(SPAN);
    let cpu = (cpu_seconds(host.id()) - before) / SPAN.as_secs_f64();
    let longest = polls(&server)
        .values()
        .map(|times| longest_gap(times))
        .fold(0.0, f64::max);
    println!(
        r#"{{"bench":"fleet","sources":{TENANTS},"interval_s":{},"longest_gap_s":{longest:.1},"resident_mb":{:.0},"threads":{},"cpu_percent":{:.0}}}"#,
        INTERVAL.as_secs(),
        status(host.id(), "VmHWM") / 1024.0,
        status(host.id(), "Threads"),
        100.0 * cpu,
    );
    let _ = host.kill();
    let _ = host.wait();
}

/// Starts the host, which nobody listens to: a pipe that is not read would stop it.
fn start(site: &Site) -> Child {
    let mut command = headwater(&site.path(""));
    command.args(["run", "--config", "headwater.toml"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("headwater starts")
}

/// When each tenant's log was read, by its path.
fn polls(server: &Server) -> HashMap<String, Vec<Instant>> {
    let mut polls: HashMap<String, Vec<Instant>> = HashMap::new();
    let azure = server.azure();
    for request in azure
        .requests()
        .filter(|request| request.endpoint == Endpoint::Log)
    {
        let path = request.target.split('?').next().unwrap_or_default();
        polls.entry(path.to_owned()).or_default().push(request.at);
    }
    polls
}

/// In seconds.
fn longest_gap(times: &[Instant]) -> f64 {
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).as_seconds_f64());
    gaps.fold(0.0, f64::max)
}

/// A number in `/proc/<process>/status`.
fn status(process: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the host runs");
    let line = status
        .lines()
        .find(|line| line.starts_with(key))
        .expect("a known key");
    let number = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok());
    number.expect("a number")
}

/// Processor time that a process has used, in seconds.
fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the host runs");
    // Behind the name, which may hold blanks: user and system time are the 12th and 13th field, in hundredths (proc(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
