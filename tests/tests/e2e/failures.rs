//! What goes wrong around a running host: each has a defined outcome (the table in docs/host.md), nothing is lost, and the
//! other tenants do not notice.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use chrono::{TimeDelta, Utc};
use fake_azure::scenario::bulk::Recipe;
use fake_azure::scenario::example;
use fake_azure::{Scope, Server};

use crate::artifacts;
use crate::collector::{Collector, free_address, listener};
use crate::lab;
use crate::site::{Site, Source, finish, headwater, wait_until};

fn with_sink(server: &Server, name: &str, sink: &str) -> Source {
    Source {
        sink: sink.to_owned(),
        ..Source::azure(name, server.endpoint())
    }
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_made_or_sent() {
    let server = lab::serve(lab::with_events(1));
    let taken = listener();
    let address = taken.local_addr().expect("it is bound").to_string();
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
    );
    site.run(&["run", "--once"])
        .exits_with(2)
        .says(&address)
        .says("listen.address");
    assert!(!site.path("state.redb").exists());
    assert_eq!(server.azure().stats(Utc::now()).counts.requests, 0);
}

#[test]
#[cfg(unix)]
fn a_file_for_each_of_many_tenants_is_more_than_a_process_starts_with() {
    let server = lab::serve(lab::with_events(1));
    let names: Vec<String> = (0..40).map(|number| format!("tenant-{number}")).collect();
    let sources: Vec<Source> = names
        .iter()
        .map(|name| Source::azure(name, server.endpoint()))
        .collect();
    let site = Site::new(&sources);
    finish(start_limited(
        &site,
        "ulimit -S -n 40",
        "run --once",
        Stdio::piped(),
    ))
    .exits_with(0);
    for name in names {
        assert_eq!(
            site.ids(&format!("{name}.ndjson")),
            lab::visible_ids(&server),
            "{name}"
        );
    }
}

#[test]
#[cfg(unix)]
fn more_tenants_than_there_may_be_connections_are_polled_all_the_same() {
    let server = lab::serve(lab::with_events(1));
    // With this limit of files there are 64 connections, and each of them is kept between two polls.
    let names: Vec<String> = (0..90).map(|number| format!("tenant-{number}")).collect();
    let sources: Vec<Source> = names
        .iter()
        .map(|name| with_sink(&server, name, "type = \"stdout\""))
        .collect();
    let site = Site::new(&sources);
    let mut host = start_limited(&site, "ulimit -n 384; exec > events", "run", site.log().into());
    let all = names.len() * lab::visible_ids(&server).len();
    wait_until("every tenant has everything", || {
        site.read("events").lines().count() == all
    });
    let _ = host.kill();
    let _ = host.wait();
}

#[test]
fn a_sink_that_is_away_holds_up_its_own_tenant_only_and_gets_everything_later() {
    let server = lab::serve(lab::with_events(30));
    let address = free_address();
    let away = format!("type = \"http\"\nurl = \"http://{address}/\"\ngzip = false");
    let site = Site::new(&[
        with_sink(&server, "contoso", &away),
        Source::azure("fabrikam", server.endpoint()),
    ]);
    let host = site.start_logged(&["run"]);
    let all = lab::visible_ids(&server);
    wait_until("the other tenant has everything", || {
        site.ids("fabrikam.ndjson") == all
    });
    host.says(&format!("{address}: "));
    let collector = Collector::start(TcpListener::bind(address).expect("it is still free"), "");
    wait_until("the sink has everything", || collector.ids() == all);
    host.stop();
}

#[test]
fn one_event_that_a_sink_refuses_goes_to_the_dead_letter_file_alone() {
    let server = lab::serve(lab::with_events(30));
    let mut all = lab::visible_ids(&server);
    let bad = all.remove(7);
    let listener = listener();
    let address = listener.local_addr().expect("it is bound");
    let collector = Collector::start(listener, &bad);
    let sink = format!("type = \"http\"\nurl = \"http://{address}/\"\ngzip = false");
    let site = Site::new(&[with_sink(&server, "contoso", &sink)]);
    site.run(&["run", "--once"])
        .exits_with(1)
        .says("contoso.dead.ndjson")
        .says("400 Bad Request");
    assert_eq!(collector.ids(), all);
    let dead = site.events("contoso.dead.ndjson");
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0]["id"].as_str(), Some(bad.as_str()));
    assert!(
        dead[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("400"))
    );
}

/// Runs the host with its log in `host.log`. The system lets no file grow beyond so many blocks of 512 bytes, as if the
/// disk were full.
#[cfg(unix)]
fn start_with_files_up_to(site: &Site, blocks: u64) -> Child {
    // Ignored, or the system would end the process instead of refusing the write.
    let limits = format!("trap '' XFSZ; ulimit -f {blocks}");
    start_limited(site, &limits, "run", site.log().into())
}

/// Starts `headwater` after these commands of the shell.
#[cfg(unix)]
fn start_limited(site: &Site, limits: &str, arguments: &str, log: Stdio) -> Child {
    let script = format!("{limits}; exec \"$0\" {arguments} --config headwater.toml");
    let direct = headwater(&site.path(""));
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(artifacts::host());
    command.current_dir(site.path("")).env_clear();
    for (name, value) in direct.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("sh starts")
}

#[test]
#[cfg(unix)]
fn a_disk_too_full_for_a_state_file_ends_the_start_and_leaves_nothing_half_made() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[with_sink(&server, "contoso", "type = \"stdout\"")]);
    // Room for the engine's images of memory, but not for a new state file.
    finish(start_with_files_up_to(&site, 1_200)).exits_with(2);
    let log = site.read("host.log");
    assert!(log.contains("state.redb") && log.contains("free space"), "{log}");
    assert!(!site.path("state.redb").exists());
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(0);
    assert_eq!(finished.stdout.lines().count(), 10);
}

#[test]
#[cfg(unix)]
fn a_disk_too_full_for_events_commits_nothing_that_is_not_there() {
    let server = lab::serve(lab::with_events(1_500));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let limits = "trap '' XFSZ; ulimit -f 3100";
    finish(start_limited(&site, limits, "run --once", Stdio::piped()))
        .exits_with(1)
        .says("contoso.ndjson");
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
#[cfg(unix)]
fn a_disk_too_full_for_a_cursor_stores_nothing_and_goes_on_when_there_is_room() {
    let hostile = Source {
        sink: "type = \"stdout\"".to_owned(),
        ..Source::hostile("large-cursor")
    };
    let site = Site::new(&[hostile]);
    let mut host = start_with_files_up_to(&site, 3_100);
    wait_until("the cursor does not fit", || {
        site.read("host.log").contains("free space")
    });
    let _ = host.kill();
    assert_eq!(
        finish(host).stdout,
        "{}\n",
        "delivered once, however often the commit was tried"
    );
    let stored = || site.run(&["state", "list"]).stdout.contains("mallory");
    assert!(!stored());
    site.run(&["run", "--once"]).exits_with(0);
    assert!(stored());
}

#[test]
fn state_of_a_newer_version_is_refused_and_kept() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0);
    set_layout(&site, 1_000);
    for command in [["run", "--once"].as_slice(), &["state", "list"]] {
        site.run(command).exits_with(2).says("newer headwater");
    }
    set_layout(&site, 1);
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(
        site.ids("contoso.ndjson"),
        lab::visible_ids(&server),
        "the cursors are still there"
    );
}

/// Writes another number for the layout into the state file.
fn set_layout(site: &Site, layout: u64) {
    let set = || -> Result<(), redb::Error> {
        let database = redb::Database::open(site.path("state.redb"))?;
        let transaction = database.begin_write()?;
        transaction
            .open_table(redb::TableDefinition::<&str, u64>::new("about"))?
            .insert("layout", layout)?;
        transaction.commit()?;
        Ok(())
    };
    set().expect("it is a state file");
}

#[test]
fn a_plugin_replaced_on_disk_counts_from_the_next_start_on() {
    let server = lab::serve(lab::with_events(5));
    let mut source = Source::azure("contoso", server.endpoint());
    source.plugin = "plugin.wasm".into();
    let site = Site::new(&[source]);
    std::fs::copy(artifacts::azure_activity(), site.path("plugin.wasm")).expect("it was built");
    let mut host = site.start(&["run"]);
    wait_until("the first events are there", || {
        site.ids("contoso.ndjson").len() == 10
    });
    site.write("plugin.wasm", "something else");
    add_event(&server);
    wait_until("the running host goes on with what it loaded", || {
        site.ids("contoso.ndjson").len() == 11
    });
    let _ = host.kill();
    finish(host);
    site.run(&["run", "--once"]).exits_with(2).says("plugin.wasm");
    assert_eq!(site.ids("contoso.ndjson"), lab::visible_ids(&server));
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_is_set_back_loses_nothing() {
    let server = lab::serve(lab::with_events(20));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    for offset in ["+2h", "-10m", "+0"] {
        let child = headwater(&site.path(""))
            .args(["run", "--once", "--config", "headwater.toml"])
            .env("LD_PRELOAD", "libfaketime.so.1")
            .env("LD_LIBRARY_PATH", "/usr/lib/x86_64-linux-gnu/faketime")
            .env("FAKETIME", offset)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .spawn()
            .expect("headwater starts");
        finish(child).exits_with(0);
        add_event(&server);
    }
    site.run(&["run", "--once"]).exits_with(0);
    // What was read while the clock was ahead may be read again: docs/reading.md.
    let mut ids = site.ids("contoso.ndjson");
    ids.dedup();
    assert_eq!(ids, lab::visible_ids(&server));
}

/// One more event, of this moment.
fn add_event(server: &Server) {
    let recipe = Recipe {
        subscription: example::PRODUCTION.to_owned(),
        start: Utc::now() - TimeDelta::seconds(1),
        spacing: TimeDelta::seconds(1),
        latest: TimeDelta::zero(),
        seed: 1_000 + server.azure().stats(Utc::now()).counts.requests,
    };
    let scope = Scope::Subscription(example::PRODUCTION.to_owned());
    for event in recipe.events(1) {
        server.azure().add(&scope, event);
    }
}
