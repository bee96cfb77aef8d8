//! The host's log: whoever fills it, and whoever does not read it, stops nobody.

use std::process::{Command, Stdio};

use crate::collector::{free_address, get};
use crate::lab;
use crate::site::{Site, Source, finish, headwater, wait_until};

#[test]
#[cfg(unix)]
fn a_stderr_that_nobody_reads_stops_nobody() {
    let server = lab::serve(lab::with_events(30));
    let noisy = Source {
        interval: "1s".to_owned(),
        ..Source::hostile("giant-stderr")
    };
    let site = Site::new(&[noisy, Source::azure("contoso", server.endpoint())]);
    let address = free_address();
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
    );
    let mut host = headwater(&site.path(""))
        .args(["run", "--config", "headwater.toml"])
        // Every line that there is, so that the pipe is full after the first polls.
        .env("RUST_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .expect("headwater starts");
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    let polls = |source: &str| {
        let metrics = get(address, "/metrics");
        let series = format!("headwater_polls_total{{source=\"{source}\"");
        let values = metrics.lines().filter(|line| line.starts_with(&series));
        values
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>()
    };
    wait_until("the honest tenant has its events", || {
        site.ids("contoso.ndjson") == lab::visible_ids(&server)
    });
    // By then a pipe is full: one poll alone writes more than it takes.
    wait_until("the noisy one was polled", || polls("mallory") >= 2.0);
    let before = polls("contoso");
    wait_until("the honest one goes on", || polls("contoso") >= before + 3.0);
    let terminated = Command::new("kill").arg(host.id().to_string()).status();
    assert!(terminated.expect("kill is there").success());
    wait_until("it has ended", || {
        host.try_wait().expect("it can be asked").is_some()
    });
    finish(host);
}

#[test]
fn a_source_that_logs_without_end_is_held_to_its_share() {
    let noisy: Vec<Source> = (0..1)
        .map(|number| {
            let mut source = Source::hostile("giant-stderr");
            source.config += "\npartitions = [\"a\", \"b\", \"c\", \"d\", \"e\"]";
            source.name = format!("noisy-{number}");
            source.sink = format!("type = \"file\"\npath = \"{number}.ndjson\"");
            source
        })
        .collect();
    let finished = Site::new(&noisy).run(&["run", "--once"]);
    finished
        .exits_with(0)
        .says("logs more bytes than a source may in one minute");
    // A quarter of a MiB, and what the host adds to each line.
    let bytes = finished.stderr.len();
    assert!(bytes < 1 << 20, "{bytes} bytes of log");
}
