//! What ten thousand quiet tenants cost in one process of the real host: memory, threads and processor time, whether
//! each of them is polled in time, and how long a reload of one of them takes. One JSON object.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "support/fleet.rs"]
#[expect(dead_code, reason = "other measurements use the rest")]
mod fleet;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "support/processor.rs"]
#[expect(dead_code, reason = "other measurements use the rest")]
mod processor;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::process::Command;
use std::time::{Duration, Instant};

use fleet::{Fleet, Watch, status};
use processor::Process;

const TENANTS: usize = 10_000;
/// Of every source.
const INTERVAL: Duration = Duration::from_secs(60);
/// Measured for so long, after everybody was polled once.
const SPAN: Duration = Duration::from_secs(130);

fn main() {
    let fleet = Fleet::new(TENANTS, INTERVAL);
    let (server, site) = (&fleet.server, fleet.site_of_files());
    let host = site.start_logged(&["run"]);
    let process = host.child.id();
    let mut watch = Watch::default();
    while watch.tenants() < TENANTS {
        watch.look_for(server, Duration::from_millis(200));
    }
    let cpu = || Process::look(process).expect("the host runs").used;
    let first_round = cpu();
    let before = watch.polls();
    watch.look_for(server, SPAN);
    let cpu = cpu() - first_round;
    let more = watch.polls() - before;
    let longest = watch.longest_gap();
    let resident = status(process, "VmHWM") / 1024.0;
    let threads = status(process, "Threads");
    let one = &fleet.sources[0];
    let changed = one.to_toml().replace("start = \"24h\"", "start = \"12h\"");
    site.write(&format!("tenants/{}.toml", one.name), &changed);
    let asked = Instant::now();
    let signal = Command::new("kill").args(["-HUP", &process.to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()));
    host.says("the configuration was reloaded");
    let reload = asked.elapsed().as_secs_f64();
    println!(
        r#"{{"bench":"fleet","sources":{TENANTS},"interval_s":{},"longest_gap_s":{longest:.1},"resident_mb":{resident:.0},"threads":{threads},"first_round_cpu_s":{first_round:.1},"poll_cpu_us":{:.0},"cpu_percent":{:.0},"reload_s":{reload:.2}}}"#,
        INTERVAL.as_secs(),
        1e6 * cpu / more as f64,
        100.0 * cpu / SPAN.as_secs_f64(),
    );
    host.stop();
}
