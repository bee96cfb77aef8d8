//! Hosts that die, stop, leave, or have other clocks and other configurations.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Cluster, EVENTS, HOSTS, LEASE, SLACK};
use crate::invariants::{EVERY_SOURCE_GOES_ON, NO_EVENT_IS_LOST};
use crate::lab;
use crate::postgres::{PASSWORD, Pooler, Postgres};
use crate::site::{Site, Source, event_id, parse_lines, wait_until};

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_host_that_is_killed_or_stopped_for_long_is_replaced_within_the_lease() {
    let mut cluster = Cluster::new(Postgres::url);
    cluster.start_all();
    cluster.signal(0, "-KILL");
    let began = Instant::now();
    if let Some(mut process) = cluster.hosts[0].process.take() {
        let _ = process.wait();
    }
    cluster.wait_for_shares(EVERY_SOURCE_GOES_ON, |shares| {
        shares[0] == 0 && shares[1..] == [30, 30]
    });
    let took = began.elapsed();
    println!("a killed host was replaced after {took:?}, lease {LEASE:?}");
    assert!(took <= LEASE + SLACK, "{EVERY_SOURCE_GOES_ON}: {took:?}");
    cluster.start(0);
    cluster.wait_for_shares("it has its share again", |shares| shares == [20, 20, 20]);
    cluster.signal(1, "-STOP");
    std::thread::sleep(LEASE + Duration::from_secs(1));
    cluster.signal(1, "-CONT");
    cluster.wait_for_shares("it has its share again", |shares| shares == [20, 20, 20]);
    cluster.assert_invariants(40);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn hosts_of_one_cluster_with_different_sources_say_so_and_read_each_source_once() {
    let server = lab::serve(lab::with_events(EVENTS));
    let postgres = Postgres::start();
    let sites = [["a", "b", "c"], ["b", "c", "d"]].map(|names| {
        let site = Site::new(&names.map(|name| Source {
            sink: "type = \"file\"\npath = \"events.ndjson\"".to_owned(),
            ..Source::azure(name, server.endpoint()).set("labels", &format!("{{ source = \"{name}\" }}"))
        }));
        let state = format!("url = \"{}\"\n[cluster]\nlease = \"6s\"", postgres.url());
        let configuration = site
            .read("headwater.toml")
            .replace("path = \"state.redb\"", &state);
        site.write("headwater.toml", &configuration);
        site
    });
    let hosts = sites.each_ref().map(|site| site.start_logged(&["run"]));
    for host in &hosts {
        host.says("have another configuration of sources: give all hosts the same files, or this one another `cluster.name`");
    }
    let deliveries = || {
        let mut deliveries: BTreeMap<(String, String), usize> = BTreeMap::new();
        for event in sites
            .iter()
            .flat_map(|site| parse_lines(&site.read("events.ndjson")))
        {
            let source = event["labels"]["source"].as_str().unwrap_or_default().to_owned();
            *deliveries.entry((source, event_id(&event))).or_default() += 1;
        }
        deliveries
    };
    let expected = 4 * lab::visible_ids(&server).len();
    wait_until(NO_EVENT_IS_LOST, || deliveries().len() == expected);
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        deliveries().values().all(|times| *times == 1),
        "{:?}",
        deliveries()
    );
    for (host, site) in hosts.into_iter().zip(&sites) {
        host.stop();
        assert!(
            !site.read("host.log").contains(PASSWORD),
            "the password was shown"
        );
    }
}

#[test]
#[ignore = "needs PostgreSQL and pgbouncer, which .ci/run installs"]
fn hosts_that_are_stopped_one_after_the_other_hand_over_at_once_also_through_a_pooler() {
    let mut pooler = None;
    let mut cluster = Cluster::new(|postgres| pooler.insert(Pooler::start(postgres)).url());
    cluster.start_all();
    for host in 0..HOSTS {
        let began = Instant::now();
        let stopped = cluster.stop(host);
        stopped.iter().for_each(|finished| {
            finished.exits_with(0);
        });
        cluster.wait_for_shares("the others have its share", |shares| shares[host] == 0);
        println!("handed over after {:?}", began.elapsed());
        cluster.start(host);
        cluster.wait_for_shares("it has its share again", |shares| shares == [20, 20, 20]);
    }
    // What was in flight was finished first.
    cluster.assert_invariants(0);
}

#[test]
#[ignore = "needs PostgreSQL and libfaketime, which .ci/run installs"]
fn clocks_two_hours_apart_make_no_difference() {
    let mut cluster = Cluster::new(Postgres::url);
    let preload = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    let variables = |offset| {
        [
            ("LD_PRELOAD", preload),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    };
    cluster.start_with(0, &variables("+2h"));
    cluster.start(1);
    cluster.start_with(2, &variables("-2h"));
    cluster.wait_for_shares("the shares are fair", |shares| shares == [20, 20, 20]);
    std::thread::sleep(2 * LEASE);
    assert_eq!(cluster.shares(), [20, 20, 20], "the shares are stable");
    let takeovers = "SELECT sum(takeovers) FROM headwater_source";
    assert_eq!(
        cluster.postgres.sql("headwater", takeovers),
        "0",
        "no lease ended"
    );
}
