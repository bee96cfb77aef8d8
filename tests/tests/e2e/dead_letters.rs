//! Dead letters are listed, shown, replayed and gone from the list; cursors move to another host.
#![cfg(unix)]

use std::process::Command;

use crate::collector::{Collector, free_address, get, listener};
use crate::lab;
use crate::site::{Site, Source, finish, wait_until};

/// A site that delivers to this address.
fn site(endpoint: &str, sink: std::net::SocketAddr) -> Site {
    Site::new(&[source(endpoint, sink)])
}

fn source(endpoint: &str, sink: std::net::SocketAddr) -> Source {
    Source {
        sink: format!("type = \"http\"\nurl = \"http://{sink}/\"\ngzip = false"),
        ..Source::azure("contoso", endpoint)
    }
}

/// The same site with another receiver.
fn deliver_to(site: &Site, old: std::net::SocketAddr, new: std::net::SocketAddr) {
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &configuration.replace(&old.to_string(), &new.to_string()),
    );
}

#[test]
fn one_poisoned_event_of_forty_is_listed_replayed_and_gone_from_the_list() {
    let server = lab::serve(lab::with_events(40));
    let poisoned = lab::visible_ids(&server)[7].clone();
    let refusing = listener();
    let refusing_at = refusing.local_addr().expect("it is bound");
    let first = Collector::start(refusing, &poisoned);
    let site = site(server.endpoint(), refusing_at);
    site.run(&["run", "--once"]).exits_with(1);
    let delivered: Vec<String> = lab::visible_ids(&server)
        .into_iter()
        .filter(|id| *id != poisoned)
        .collect();
    assert_eq!(first.ids(), delivered);

    let listed = site.run(&["dead-letter", "list"]);
    listed.exits_with(0).says(&poisoned).says("400");
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    let shown = site.run(&["dead-letter", "show", "--source", "contoso", "--id", &poisoned]);
    shown
        .exits_with(0)
        .says("replay  possible")
        .says("\"@timestamp\"");
    let other = site.run(&["dead-letter", "list", "--id", "another"]);
    assert_eq!(other.stdout.lines().count(), 1, "{}", other.stdout);

    // It is refused still, and then the receiver is away: the letter is kept both times.
    site.run(&["dead-letter", "replay"])
        .exits_with(1)
        .says("does not accept");
    let away = free_address();
    deliver_to(&site, refusing_at, away);
    site.run(&["dead-letter", "replay"])
        .exits_with(1)
        .says("does not accept");
    site.run(&["dead-letter", "list"]).says(&poisoned);

    let accepting = listener();
    let accepting_at = accepting.local_addr().expect("it is bound");
    let second = Collector::start(accepting, "");
    deliver_to(&site, away, accepting_at);
    site.run(&["dead-letter", "replay", "--source", "contoso"])
        .exits_with(0)
        .says("accepted=1");
    assert_eq!(second.ids(), [poisoned]);
    let listed = site.run(&["dead-letter", "list"]);
    assert_eq!(listed.stdout.lines().count(), 1, "{}", listed.stdout);
    assert!(!site.path("contoso.dead.ndjson").exists());
    site.run(&["dead-letter", "replay"]).exits_with(0);
    assert_eq!(second.ids().len(), 1, "nothing is delivered twice");
    site.run(&["dead-letter", "list", "--source", "nobody"])
        .exits_with(2);
}

#[test]
fn a_running_host_shows_its_dead_letters_and_its_state_and_status_can_be_asked_for() {
    let server = lab::serve(lab::with_events(40));
    let poisoned = lab::visible_ids(&server)[7].clone();
    let refusing = listener();
    let refusing_at = refusing.local_addr().expect("it is bound");
    let _collector = Collector::start(refusing, &poisoned);
    let site = site(server.endpoint(), refusing_at);
    let address = free_address();
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
    );
    site.run(&["status"]).exits_with(1).says("is it running?");
    let host = site.start(&["run"]);
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    wait_until("the letter is counted", || {
        get(address, "/metrics").contains("headwater_dead_letters{source=\"contoso\"} 1\n")
    });
    site.run(&["state", "list"]).exits_with(0).says("contoso");
    site.run(&["state", "show"]).exits_with(0).says("contoso");
    site.run(&["state", "reset", "--all"])
        .exits_with(2)
        .says("in use");
    let status = site.run(&["status"]);
    status.exits_with(0).says("1 source(s)").says("1 since 20");
    let metrics = get(address, "/metrics");
    for series in [
        "headwater_partition_info{source=\"contoso\",partition=\"subscriptions/",
        "headwater_deliveries_total{source=\"contoso\",result=\"accepted\"}",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "headwater_config_reload_successful 1",
    ] {
        assert!(metrics.contains(series), "no {series} in\n{metrics}");
    }
    let stopped = Command::new("kill").arg(host.id().to_string()).status();
    assert!(stopped.is_ok_and(|status| status.success()));
    // Somebody should look at the letter.
    finish(host).exits_with(1);
}

#[test]
fn a_tenant_moves_to_another_host_with_its_position() {
    let server = lab::serve(lab::with_events(10));
    let one = Site::new(&[Source::azure("contoso", server.endpoint())]);
    one.run(&["run", "--once"]).exits_with(0);
    let exported = one.run(&["state", "export", "--source", "contoso"]);
    exported.exits_with(0);
    one.run(&["state", "export", "--source", "nobody"])
        .exits_with(2)
        .says("has no stored cursor");

    let other = Site::new(&[Source::azure("contoso", server.endpoint())]);
    other.write("contoso.ndjson.state", &exported.stdout);
    let import = [
        "state",
        "import",
        "--source",
        "contoso",
        "--from",
        "contoso.ndjson.state",
    ];
    other.run(&import).exits_with(0).says("cursor(s) imported");
    other.run(&import).exits_with(2).says("already");
    other.run(&["run", "--once"]).exits_with(0);
    assert_eq!(other.read("contoso.ndjson"), "", "nothing comes a second time");
}
