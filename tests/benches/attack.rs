//! What an attacker takes from an honest tenant in the same process: the events per second of the honest one, alone and
//! beside each attack, in the real host over sockets. One JSON object per attack.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::process::{Child, Stdio};
use std::time::Instant;

use site::{Site, Source, headwater, wait_until};

/// Events of each of the honest tenant's two subscriptions: some seconds of work.
const EVENTS: u32 = 25_000;

/// How often the honest tenant is measured; the best counts, the others were disturbed by more than the attack.
const RUNS: usize = 2;

/// Those that go on for as long as they are let.
const ATTACKS: [&str; 7] = [
    "endless-loop",
    "endless-host-calls",
    "memory-bomb",
    "handle-leak",
    "million-events",
    "giant-event",
    "giant-stderr",
];

fn main() {
    let alone = best(None);
    for attack in ATTACKS {
        let beside = best(Some(attack));
        println!(
            r#"{{"bench":"attack","attack":"{attack}","honest_eps":{beside:.0},"alone_eps":{alone:.0},"ratio":{:.2}}}"#,
            beside / alone
        );
    }
}

/// The honest tenant's events per second in the best run.
fn best(attack: Option<&str>) -> f64 {
    (0..RUNS).map(|_| honest_speed(attack)).fold(0.0, f64::max)
}

/// From the start of the host until the last event lies in the file.
fn honest_speed(attack: Option<&str>) -> f64 {
    let server = lab::serve(lab::with_events(EVENTS));
    let mut sources = vec![Source::azure("contoso", server.endpoint())];
    if let Some(attack) = attack {
        let mut hostile = Source::hostile(attack).set("url", "\"https://collector.example/\"");
        hostile.rest = "[source.limits]\npoll_timeout = \"60s\"".to_owned();
        sources.push(hostile);
    }
    let site = Site::new(&sources);
    let expected = 2 * EVENTS as usize;
    let began = Instant::now();
    let mut host = start(&site);
    wait_until("every event of the honest tenant is there", || {
        count_lines(&site) >= expected
    });
    let took = began.elapsed();
    let _ = host.kill();
    let _ = host.wait();
    expected as f64 / took.as_secs_f64()
}

/// Starts the host, which nobody listens to: a pipe that is not read would stop it.
fn start(site: &Site) -> Child {
    let mut command = headwater(&site.path(""));
    command.args(["run", "--config", "headwater.toml"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("headwater starts")
}

fn count_lines(site: &Site) -> usize {
    let file = std::fs::read(site.path("contoso.ndjson")).unwrap_or_default();
    file.iter().filter(|byte| **byte == b'\n').count()
}
