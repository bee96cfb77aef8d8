//! What no source and no upstream can take from the process: memory beyond a bound that follows from the configuration,
//! connections, and the time of others.

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::attackers;
use crate::lab;
use crate::network::{Authority, Background, read_head};
use crate::site::{Finished, Site, Source, finish, wait_until};

/// `limits.memory` and `limits.host_memory` of the attackers here.
const MEMORY: u64 = 40 << 20;
const HOST_MEMORY: u64 = 4 << 20;
/// What one call may carry between plugin and host, times two for what is made of it there.
const TRANSFER: u64 = 2 * MEMORY;
/// Fragments of the heap, stacks, buffers of sockets.
const SLACK: u64 = 48 << 20;

/// One attacker beside an honest tenant that gets everything. Returns the most memory that was resident, in bytes.
fn attack(name: &str, url: &str, allow: &str) -> (Finished, u64) {
    let server = lab::serve(lab::with_events(30));
    let mut hostile = Source::hostile(name).set("url", &format!("\"{url}\""));
    hostile.allow = allow.to_owned();
    hostile.rest = format!(
        "[source.limits]\npoll_timeout = \"3s\"\nmemory = \"{MEMORY}\"\nhost_memory = \"{HOST_MEMORY}\""
    );
    let site = Site::new(&[hostile, Source::azure("contoso", server.endpoint())]);
    let child = site.start(&["run", "--once"]);
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = std::fs::read_to_string(&status) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            // A process that has ended but has not been waited for has no such line.
            let Some(kibibytes) = kibibytes else { break };
            peak = peak.max(kibibytes << 10);
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let finished = finish(child);
    let peak = watch.join().expect("the watcher ends with the process");
    assert_eq!(
        site.ids("contoso.ndjson"),
        lab::visible_ids(&server),
        "{name}: the honest tenant noticed"
    );
    (finished, peak)
}

/// An upstream that takes requests and gives nothing, or heads as large as they may be.
fn upstream(fields: usize) -> Background {
    Background::serve(move |mut stream: TcpStream| async move {
        loop {
            if read_head(&mut stream).await.is_empty() {
                return;
            }
            if fields == 0 {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
            }
            let long = "v".repeat(fields);
            let head = format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\ncontent-length: 4\r\n\r\nbody");
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
        }
    })
}

fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_host_holds_for_a_source_stays_under_its_bound() {
    let (silent, talking) = (upstream(0), upstream(50_000));
    let nowhere = "https://collector.example";
    let (_, quiet) = attack("trap", nowhere, nowhere);
    let bound = quiet + MEMORY + HOST_MEMORY + TRANSFER + SLACK;
    for (name, url) in [
        ("hoard-methods", nowhere.to_owned()),
        ("hoard-authorities", nowhere.to_owned()),
        ("hoard-paths", nowhere.to_owned()),
        ("hoard-fields", nowhere.to_owned()),
        ("hoard-listed-fields", nowhere.to_owned()),
        ("hoard-cloned-fields", nowhere.to_owned()),
        ("hoard-in-waves", nowhere.to_owned()),
        ("hoard-bodies", nowhere.to_owned()),
        ("hoard-response-bodies", nowhere.to_owned()),
        ("hoard-trailers", nowhere.to_owned()),
        ("hoard-options", nowhere.to_owned()),
        ("hoard-pollables", nowhere.to_owned()),
        ("hoard-waits", nowhere.to_owned()),
        ("hoard-requests", origin(silent.address)),
        ("hoard-answers", origin(talking.address)),
    ] {
        let (finished, peak) = attack(name, &url, &url);
        finished.exits_with(1).says("mallory");
        assert!(
            peak < bound,
            "{name}: {} MiB were resident, at most {} should be",
            peak >> 20,
            bound >> 20
        );
    }
}

#[test]
fn a_source_that_makes_the_host_hold_too_much_is_told_the_key() {
    let nowhere = "https://collector.example";
    let (finished, _) = attack("hoard-fields", nowhere, nowhere);
    finished.exits_with(1).says("mallory").says(&format!(
        "more than the {HOST_MEMORY} bytes of `limits.host_memory`"
    ));
}

#[test]
fn an_upstream_that_talks_without_end_before_its_answer_is_cut_off() {
    // What the sockets of both sides hold, generously.
    const PER_CONNECTION: u64 = 8 << 20;
    for line in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\nx-long: vvvvvvvvvvvvvvvvvvvvv\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
    ] {
        let counts = Arc::default();
        let flood = attackers::talking(line, &counts);
        let server = lab::serve(lab::with_events(30));
        let mut asking = Source::hostile("fetch-on")
            .set("url", &format!("\"{}\"", origin(flood.address)))
            .set("at_once", "8");
        asking.allow = origin(flood.address);
        asking.rest = "[source.limits]\npoll_timeout = \"5s\"".to_owned();
        let site = Site::new(&[asking, Source::azure("contoso", server.endpoint())]);
        site.run(&["run", "--once"]).exits_with(1).says("far more than");
        assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
        let (connections, taken) = counts.now();
        // Eight at a time, with pauses of one, two, four and eight seconds between.
        assert!((1..=6 * 8).contains(&connections), "{connections} connections");
        assert!(
            taken < connections * PER_CONNECTION,
            "{taken} bytes on {connections} connections"
        );
    }
}

#[test]
fn an_upstream_that_floods_an_idle_connection_is_cut_off_and_its_source_waits() {
    // What the sockets of both sides hold, generously.
    const PER_CONNECTION: u64 = 8 << 20;
    let (authority, counts) = (Authority::new(), Arc::default());
    let upstream = attackers::idle_flood(&authority, "localhost", &counts);
    let url = format!("https://localhost:{}", upstream.address.port());
    let server = lab::serve(lab::with_events(30));
    let mut asking = Source::hostile("fetch").set("url", &format!("\"{url}/\""));
    asking.allow.clone_from(&url);
    asking.keys = "ca = \"ca.pem\"".to_owned();
    let site = Site::new(&[asking, Source::azure("contoso", server.endpoint())]);
    site.write("ca.pem", &authority.pem);
    let mut host = site.start_unread(&["run"]);
    wait_until("it is asked again after a flood", || counts.now().0 >= 3);
    let _ = host.kill();
    let _ = host.wait();
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
    assert!(
        site.events("mallory.ndjson")
            .iter()
            .any(|event| event["status"] == 200),
        "its answers arrive"
    );
    let (connections, taken) = counts.now();
    assert!(
        taken < connections * PER_CONNECTION,
        "{taken} bytes on {connections} connections"
    );
}

/// The sockets of other processes that are connected, or being connected, to an address, by their numbers in the kernel.
#[cfg(target_os = "linux")]
fn sockets_to(address: SocketAddr) -> BTreeSet<u64> {
    let SocketAddr::V4(address) = address else {
        panic!("tests listen on 127.0.0.1")
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    let remote = format!("{ip:08X}:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel lists its sockets");
    let rows = table
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(2) == Some(&remote.as_str()))
        .filter_map(|row| row.get(9)?.parse().ok())
        // What the kernel still closes for a process that has let go of it has no number.
        .filter(|number| *number != 0)
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_has_far_fewer_connections_than_it_asks_for() {
    let open: Arc<AtomicU64> = Arc::default();
    let now = open.clone();
    let silent = Background::serve(move |mut stream: TcpStream| {
        let now = now.clone();
        async move {
            now.fetch_add(1, Ordering::Relaxed);
            read_head(&mut stream).await;
            // Until the other side goes away.
            read_head(&mut stream).await;
            now.fetch_sub(1, Ordering::Relaxed);
        }
    });
    let mut asking = Source::hostile("fetch-on")
        .set("url", &format!("\"{}\"", origin(silent.address)))
        .set("at_once", "60")
        .set(
            "partitions",
            "[\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\"]",
        );
    asking.allow = origin(silent.address);
    asking.rest = "[source.limits]\npoll_timeout = \"4s\"".to_owned();
    let site = Site::new(&[asking]);
    let child = site.start(&["run", "--once"]);
    let process = format!("/proc/{}", child.id());
    let address = silent.address;
    let watch = std::thread::spawn(move || {
        let (mut most, mut before) = (0, BTreeSet::new());
        // One that has ended but has not been waited for has no open files any more.
        while std::fs::read_dir(format!("{process}/fd")).is_ok_and(|mut files| files.next().is_some()) {
            let now = sockets_to(address);
            // Neither list is of one moment, and the other side learns late that a connection is gone. But a socket in both
            // lists was open all the time between them.
            most = most.max(now.intersection(&before).count());
            before = now;
            std::thread::sleep(Duration::from_millis(5));
        }
        most
    });
    finish(child).exits_with(1);
    let most = watch.join().expect("the watcher ends with the process");
    assert!((2..=64).contains(&most), "{most} connections at once");
    wait_until("every connection is closed", || open.load(Ordering::Relaxed) == 0);
}

#[test]
fn two_sources_never_share_a_connection() {
    let (opened, asked): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
    let (connections, requests) = (opened.clone(), asked.clone());
    let upstream = Background::serve(move |mut stream: TcpStream| {
        let requests = requests.clone();
        connections.fetch_add(1, Ordering::Relaxed);
        async move {
            while !read_head(&mut stream).await.is_empty() {
                requests.fetch_add(1, Ordering::Relaxed);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    });
    let url = origin(upstream.address);
    let source = |name: &str| {
        let mut source = Source::hostile("fetch").set("url", &format!("\"{url}/\""));
        source.name = name.to_owned();
        source.sink = format!("type = \"file\"\npath = \"{name}.ndjson\"");
        source.allow.clone_from(&url);
        source
    };
    let site = Site::new(&[source("mallory"), source("trudy"), source("eve")]);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(opened.load(Ordering::Relaxed), 3, "a connection for each source");
}
