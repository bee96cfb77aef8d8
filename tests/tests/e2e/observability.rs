//! What operators look at: `/metrics`, `/healthz` and `/status` of a running host.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use fake_azure::scenario::example;

use crate::collector::{free_address, get};
use crate::lab;
use crate::site::{Finished, Site, Source, finish, wait_until};

/// A running host that is looked at.
struct Watched {
    site: Site,
    host: Child,
    address: SocketAddr,
}

impl Watched {
    fn start(sources: &[Source]) -> Self {
        let site = Site::new(sources);
        let address = free_address();
        let configuration = site.read("headwater.toml");
        let listen = format!("[listen]\naddress = \"{address}\"\n{configuration}");
        site.write("headwater.toml", &listen);
        let host = site.start(&["run"]);
        let watched = Self { site, host, address };
        wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
        watched
    }

    fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    /// The value of a series, 0 while there is none.
    fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    fn stop(mut self) -> Finished {
        let _ = self.host.kill();
        finish(self.host)
    }
}

/// A tenant that reads one subscription and may not read the other, and one whose plugin crashes.
fn mixed() -> (fake_azure::Server, Watched) {
    let server = lab::serve_with_faults(
        lab::with_events(40),
        &format!(
            r#"{{"faults": [{{"on": {{"subscription": "{}", "endpoint": "log", "times": null}},
                "do": {{"fail": {{"status": 403, "code": "AuthorizationFailed"}}}}}}]}}"#,
            example::DEVELOPMENT
        ),
    );
    let watched = Watched::start(&[
        Source::azure("contoso", server.endpoint()),
        Source::hostile("trap"),
    ]);
    wait_until("each partition was polled", || {
        let lines = watched.get("/healthz");
        ["quiet", "refused", "retrying"]
            .iter()
            .all(|health| lines.contains(health))
    });
    (server, watched)
}

#[test]
fn health_tells_quiet_from_refused_and_from_crashed() {
    let (_server, watched) = mixed();
    let lines = watched.get("/healthz");
    for start in [
        format!(
            "contoso subscriptions/{} quiet",
            example::PRODUCTION.to_lowercase()
        ),
        format!(
            "contoso subscriptions/{} refused ",
            example::DEVELOPMENT.to_lowercase()
        ),
        "mallory only retrying the plugin crashed".to_owned(),
    ] {
        assert!(
            lines.lines().any(|line| line.to_lowercase().starts_with(&start)),
            "no {start:?} in\n{lines}"
        );
    }
    watched.stop();
}

#[test]
fn metrics_count_what_happened_by_source_and_partition() {
    let (_server, watched) = mixed();
    let partition = format!(
        "{{source=\"contoso\",partition=\"subscriptions/{}\"",
        example::PRODUCTION
    );
    assert_eq!(
        watched.metric(&format!("headwater_events_total{partition}}}")),
        40.0
    );
    assert!(watched.metric(&format!("headwater_event_bytes_total{partition}}}")) > 10_000.0);
    assert!(watched.metric(&format!("headwater_polls_total{partition},result=\"batch\"}}")) >= 1.0);
    assert!(watched.metric("headwater_faults_total{source=\"mallory\",partition=\"only\",fault=\"broken\",code=\"host.trap\"}") >= 1.0);
    watched.stop();
}

#[test]
#[ignore = "needs promtool"]
fn metrics_and_alert_rules_follow_the_conventions_of_prometheus() {
    let rules = Command::new("promtool")
        .args(["check", "rules"])
        .arg(crate::artifacts::workspace().join("docs/prometheus/alerts.yml"))
        .output()
        .expect("promtool is installed");
    let said = String::from_utf8_lossy(&rules.stderr).into_owned();
    assert!(rules.status.success(), "{said}");
    let (_server, watched) = mixed();
    let text = watched.get("/metrics");
    watched.stop();
    let mut lint = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut stdin = lint.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let linted = finish(lint);
    linted.exits_with(0);
    assert_eq!(linted.text(), "");
}

#[test]
fn a_source_that_computes_without_end_is_held_to_its_share() {
    let hostile = Source {
        rest: "[source.limits]\npoll_timeout = \"2s\"\ncpu = \"1%\"".to_owned(),
        ..Source::hostile("endless-loop")
    };
    let began = std::time::Instant::now();
    let watched = Watched::start(&[hostile]);
    let labels = "{source=\"mallory\",partition=\"only\"";
    wait_until("a poll was interrupted", || {
        watched.metric(&format!("headwater_polls_total{labels},result=\"error\"}}")) >= 1.0
    });
    let held = || watched.metric(&format!("headwater_cpu_held_seconds_total{labels}}}"));
    wait_until("it was held for a second", || held() > 1.0);
    let ran = watched.metric(&format!("headwater_cpu_seconds_total{labels}}}"));
    // What it may save up for five seconds, and a hundredth of all time: little, so that it asks for more on any machine.
    let allowed = 0.05 + 0.01 * began.elapsed().as_secs_f64();
    assert!(
        ran < 1.5 * allowed,
        "it ran for {ran} s, and {allowed} s are its share"
    );
    watched.stop().says("limits.cpu");
}

#[test]
#[ignore = "needs Chromium"]
fn the_status_page_shows_each_partition_with_its_state_and_remedy() {
    let (_server, watched) = mixed();
    let page = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=3000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            watched.site.path("browser").display()
        ))
        .arg(format!("http://{}/status", watched.address))
        .stderr(Stdio::null())
        .output()
        .expect("Chromium is installed");
    let dom = String::from_utf8_lossy(&page.stdout);
    watched.stop();
    for words in [
        "2 sources, 3 partitions: 1 refused, 1 retrying, 1 quiet",
        "Contoso Development",
        "2 partitions: 1 refused, 1 quiet",
        "failing since",
        "version 0.1.0, up ",
        "class=\"health refused\"",
        "Reader",
        "the plugin crashed",
        "<rect",
    ] {
        assert!(dom.contains(words), "no {words:?} in\n{dom}");
    }
}
