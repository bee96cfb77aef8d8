//! What an attacker takes from an honest tenant in the same process: the events per second of the honest one, alone and
//! beside each attack, in the real host over sockets. One JSON object per attack.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/network.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod network;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::process::{Child, Stdio};
use std::time::Instant;

use network::{Background, read_head};
use tokio::io::AsyncWriteExt;

use site::{Site, Source, headwater, wait_until};

/// Events of each of the honest tenant's two subscriptions: some seconds of work.
const EVENTS: u32 = 25_000;

/// How often the honest tenant is measured; the best counts, the others were disturbed by more than the attack.
const RUNS: usize = 2;

/// A hostile source, what it asks, and in how many partitions.
struct Attack {
    /// How the table calls it.
    name: &'static str,
    /// What the hostile source does.
    guest: &'static str,
    /// What its upstream repeats without end; none when there is no upstream.
    upstream: Option<&'static str>,
    partitions: usize,
}

const fn by_the_source(guest: &'static str) -> Attack {
    Attack {
        name: guest,
        guest,
        upstream: None,
        partitions: 1,
    }
}

const fn by_the_upstream(name: &'static str, line: &'static str, partitions: usize) -> Attack {
    Attack {
        name,
        guest: "fetch-on",
        upstream: Some(line),
        partitions,
    }
}

/// Those that go on for as long as they are let.
const ATTACKS: [Attack; 15] = [
    by_the_source("endless-loop"),
    by_the_source("endless-host-calls"),
    by_the_source("memory-bomb"),
    by_the_source("handle-leak"),
    by_the_source("million-events"),
    by_the_source("giant-event"),
    by_the_source("giant-stderr"),
    by_the_source("hoard-methods"),
    by_the_source("hoard-fields"),
    by_the_source("hoard-bodies"),
    by_the_source("hoard-pollables"),
    by_the_source("hoard-waits"),
    by_the_upstream("100 Continue, 8 connections", "HTTP/1.1 100 Continue\r\n\r\n", 1),
    by_the_upstream("100 Continue, 64 connections", "HTTP/1.1 100 Continue\r\n\r\n", 8),
    by_the_upstream(
        "103 with fields, 64 connections",
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nx-long: vvvvvvvvvvvvvvvv\r\n\r\n",
        8,
    ),
];

fn main() {
    let alone = best(None);
    for attack in ATTACKS {
        let beside = best(Some(&attack));
        let name = attack.name;
        println!(
            r#"{{"bench":"attack","attack":"{name}","honest_eps":{beside:.0},"alone_eps":{alone:.0},"ratio":{:.2}}}"#,
            beside / alone
        );
    }
}

/// The honest tenant's events per second in the best run.
fn best(attack: Option<&Attack>) -> f64 {
    (0..RUNS).map(|_| honest_speed(attack)).fold(0.0, f64::max)
}

/// From the start of the host until the last event lies in the file.
fn honest_speed(attack: Option<&Attack>) -> f64 {
    let server = lab::serve(lab::with_events(EVENTS));
    let mut sources = vec![Source::azure("contoso", server.endpoint())];
    let flood = attack.and_then(|attack| attack.upstream).map(flood);
    if let Some(attack) = attack {
        let partitions: Vec<_> = (0..attack.partitions)
            .map(|number| format!("\"{number}\""))
            .collect();
        let origin = flood.as_ref().map_or_else(
            || "https://collector.example".to_owned(),
            |flood| format!("http://{}", flood.address),
        );
        let mut hostile = Source::hostile(attack.guest)
            .set("url", &format!("\"{origin}/\""))
            .set("at_once", "8")
            .set("partitions", &format!("[{}]", partitions.join(", ")));
        hostile.allow = origin;
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

/// An upstream that repeats a line before every answer, without end.
fn flood(line: &'static str) -> Background {
    Background::serve(move |mut stream| async move {
        read_head(&mut stream).await;
        let piece = line.repeat((64 << 10) / line.len());
        while stream.write_all(piece.as_bytes()).await.is_ok() {}
    })
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
