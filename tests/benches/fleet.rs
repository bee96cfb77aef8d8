//! What a thousand quiet tenants cost in one process of the real host: memory, threads and processor time, and whether
//! each of them is polled in time. One JSON object.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::process::{Child, Stdio};
use std::time::Duration;

use fleet::{Fleet, cpu_seconds, longest_gap, polls, status};
use site::{Site, headwater, wait_until};

const TENANTS: usize = 1_000;
/// Of every source. Shorter than anybody needs, so that a minute tells enough.
const INTERVAL: Duration = Duration::from_secs(10);
/// Measured for so long, after everybody was polled once.
const SPAN: Duration = Duration::from_secs(40);

fn main() {
    let fleet = Fleet::new(TENANTS, INTERVAL);
    let (server, site) = (&fleet.server, fleet.site());
    let mut host = start(&site);
    wait_until("every tenant was polled", || polls(server).len() == TENANTS);
    let before = cpu_seconds(host.id());
    std::thread::sleep(SPAN);
    let cpu = (cpu_seconds(host.id()) - before) / SPAN.as_secs_f64();
    let longest = polls(server)
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
