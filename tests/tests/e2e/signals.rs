//! What signals do to a running host.
#![cfg(unix)]

#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::lab;
use crate::site::{Site, Source, finish, wait_until};

fn send(signal: &str, host: &Child) {
    let sent = Command::new("kill")
        .args(["-s", signal, &host.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "{signal}");
}

#[test]
fn only_a_request_to_stop_ends_the_host_and_it_ends_well() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let host = site.start_logged(&["run"]);
    wait_until("it reads", || !site.ids("contoso.ndjson").is_empty());
    for signal in [
        "HUP",
        "USR1",
        "USR2",
        "ALRM",
        "IO",
        "VTALRM",
        "PROF",
        "XFSZ",
        #[cfg(target_os = "linux")]
        "STKFLT",
        "HUP",
    ] {
        send(signal, &host.child);
    }
    host.says("the configuration was reloaded");
    let before = server.azure().stats(chrono::Utc::now()).counts.requests;
    wait_until("it goes on", || {
        server.azure().stats(chrono::Utc::now()).counts.requests > before + 2
    });
    send("TERM", &host.child);
    finish(host.child).exits_with(0);
}

#[test]
#[cfg(target_os = "linux")]
fn when_power_or_processor_time_ends_the_host_ends_as_when_it_is_asked_to() {
    let server = lab::serve(lab::with_events(5));
    for signal in ["PWR", "XCPU", "INT"] {
        let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
        let host = site.start_logged(&["run"]);
        wait_until("it reads", || !site.ids("contoso.ndjson").is_empty());
        send(signal, &host.child);
        host.says("stopping");
        finish(host.child).exits_with(0);
    }
}

#[test]
fn a_host_whose_log_nobody_reads_ends_within_its_grace() {
    let site = Site::new(&[Source::azure("contoso", "http://127.0.0.1:9")]);
    let mut host = site.start_with(&[("RUST_LOG", "trace")], &["run"]);
    // Nobody reads stderr: the pipe is full soon, and every thread that logs hangs.
    std::thread::sleep(Duration::from_secs(3));
    let asked = Instant::now();
    send("TERM", &host);
    while host.try_wait().expect("it is ours").is_none() {
        assert!(asked.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_running_host_leaves_no_core_behind() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let host = site.start(&["run"]);
    wait_until("it reads", || !site.ids("contoso.ndjson").is_empty());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.id())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap_or_default().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    // The memory of a process that is not dumpable belongs to root; where the test is run by root, that tells nothing.
    let owner = |of: &str| {
        let about = std::fs::metadata(format!("/proc/{of}/mem")).expect("it runs");
        about.uid()
    };
    assert_eq!(owner(&host.id().to_string()), 0, "not that of {}", owner("self"));
    send("TERM", &host);
    finish(host).exits_with(0);
}
