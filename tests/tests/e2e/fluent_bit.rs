//! The plugin for Fluent Bit in a loader that speaks its ABI: `collectors/fluent-bit/tests/loader.c`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fake_azure::Server;
use fake_azure::scenario::example;
use headwater::model::event_key;
use rmpv::Value;

use crate::artifacts;
use crate::embedded::{command, compile};
use crate::kill::{assert_nothing_lost, source};
use crate::lab;
use crate::site::{Finished, Site, Source, finish, wait_until};

const ENGINE: &str = "flb-pipeline";

#[test]
fn every_event_becomes_a_record_with_its_time_and_several_inputs_share_a_process() {
    let server = lab::serve(lab::with_events(200));
    let fluent_bit = FluentBit::new(&[unsunk("contoso", &server), unsunk("fabrikam", &server)]);
    let child = fluent_bit.start(&["source=contoso", "--", "source=fabrikam"]);
    for input in [1, 2] {
        wait_until("everything is in chunks", || {
            fluent_bit.records(input).len() >= 400
        });
    }
    fluent_bit.stop(child).exits_with(0);
    for (input, name) in [(1, "contoso"), (2, "fabrikam")] {
        assert_nothing_lost(&server, fluent_bit.ids(input));
        let records = fluent_bit.records(input);
        assert_eq!(records.len(), 400, "none twice");
        let known: BTreeSet<String> = lab::visible_ids(&server)
            .iter()
            .flat_map(|id| keys(name, id))
            .collect();
        for record in records {
            let metadata = &record[0][1];
            assert_eq!(metadata["headwater.source"], name.into());
            assert!(known.contains(metadata["log.record.uid"].as_str().expect("text")));
            let Value::Ext(0, time) = &record[0][0] else {
                panic!("{record}")
            };
            let seconds = u32::from_be_bytes(time[..4].try_into().expect("four bytes"));
            let nanoseconds = u32::from_be_bytes(time[4..].try_into().expect("four bytes"));
            let written = record[1]["@timestamp"].as_str().expect("a time");
            let written = DateTime::parse_from_rfc3339(written).expect("a time");
            assert_eq!(
                (written.timestamp(), written.timestamp_subsec_micros()),
                // The text of the body has microseconds.
                (seconds.into(), nanoseconds / 1_000)
            );
        }
    }
}

#[test]
fn killed_again_and_again_it_loses_nothing() {
    let server = lab::serve(lab::with_events(2_000));
    let fluent_bit = FluentBit::new(&[unsunk("contoso", &server)]);
    for kill in 1..=3 {
        let mut child = fluent_bit.start(&[""]);
        let least = 500 * kill;
        wait_until("something is in chunks", || fluent_bit.records(1).len() >= least);
        child.kill().expect("it runs");
        let _ = finish(child);
    }
    let child = fluent_bit.start(&[""]);
    wait_until("everything is in chunks", || {
        fluent_bit.ids(1).into_iter().collect::<BTreeSet<_>>().len() >= 4_000
    });
    fluent_bit.stop(child).exits_with(0);
    assert_nothing_lost(&server, fluent_bit.ids(1));
}

#[test]
fn records_that_are_not_taken_are_offered_again_and_a_paused_input_offers_none() {
    let server = lab::serve(lab::with_events(200));
    let fluent_bit = FluentBit::new(&[unsunk("contoso", &server)]);
    for obstacle in ["refuse", "pause"] {
        fluent_bit.site.write(obstacle, "");
    }
    let child = fluent_bit.start(&[""]);
    wait_until("it reads", || tokens(&server) > 0);
    thread::sleep(Duration::from_secs(1));
    std::fs::remove_file(fluent_bit.site.path("pause")).expect("it is there");
    // Long enough to be refused.
    thread::sleep(Duration::from_secs(3));
    assert!(fluent_bit.records(1).is_empty());
    std::fs::remove_file(fluent_bit.site.path("refuse")).expect("it is there");
    wait_until("everything is in chunks", || fluent_bit.records(1).len() >= 400);
    let finished = fluent_bit.stop(child);
    finished
        .exits_with(0)
        .says("Fluent Bit cannot put records into a chunk at present");
    assert_nothing_lost(&server, fluent_bit.ids(1));
}

#[test]
fn a_hot_reload_goes_on_where_the_last_round_ended() {
    let server = lab::serve(lab::with_events(200));
    let fluent_bit = FluentBit::new(&[unsunk("contoso", &server)]);
    let mut loader = fluent_bit.command(ENGINE, &[""]);
    let child = loader.env("ROUNDS", "2").spawn().expect("it starts");
    wait_until("everything is in chunks", || fluent_bit.records(1).len() >= 400);
    let before = tokens(&server);
    fluent_bit.site.write("stop", "");
    wait_until("the second round has begun", || tokens(&server) > before);
    thread::sleep(Duration::from_secs(2));
    fluent_bit.stop(child).exits_with(0);
    assert_eq!(fluent_bit.records(1).len(), 400, "none twice");
}

#[test]
fn where_records_could_be_lost_it_says_so_and_does_not_run() {
    let server = lab::serve(lab::with_events(1));
    let contoso = || unsunk("contoso", &server);
    let fluent_bit = FluentBit::new(&[contoso()]);
    let refused = |finished: Finished, words: &str| {
        finished.exits_with(3).says(words);
        assert!(fluent_bit.records(1).is_empty());
    };
    let run = |thread: &str, properties: &[&str]| finish(fluent_bit.spawn(thread, properties));
    refused(
        run("flb-in-headwater", &[""]),
        "add the line `threaded off` to the input",
    );
    refused(run("loader", &[""]), "add the line `threaded off` to the input");
    let without = compile(
        &fluent_bit.site.path(""),
        "collectors/fluent-bit/tests/loader.c",
        "without",
        &["-rdynamic", "-DWITHOUT_APPEND", "-ldl", "-lpthread"],
    );
    let without = command(&without, &fluent_bit.site.path(""))
        .arg(plugin())
        .args([ENGINE, "config=headwater.toml"])
        .spawn();
    refused(
        finish(without.expect("it starts")),
        "does not export its function flb_input_log_append",
    );
    let plain = command(&fluent_bit.loader, &fluent_bit.site.path(""))
        .arg(plugin())
        .arg(ENGINE)
        .spawn();
    refused(
        finish(plain.expect("it starts")),
        "the property `config` is missing",
    );
    refused(
        run(ENGINE, &["source=nobody"]),
        "has no source \"nobody\"; it has contoso",
    );
    refused(
        run(ENGINE, &["", "--", "source=contoso"]),
        "is read by another input already",
    );
    for (text, words) in [
        (
            to_toml(&[contoso()]) + "[source.sink]\ntype = \"file\"\npath = \"x\"",
            "source \"contoso\".sink: remove it",
        ),
        ("no toml".to_owned(), "headwater.toml, line 1"),
        (
            "[[source]]\nname = \"a\"".to_owned(),
            "source \"a\".plugin: missing",
        ),
    ] {
        fluent_bit.site.write("headwater.toml", &text);
        refused(run(ENGINE, &[""]), words);
    }
}

#[test]
fn a_wrong_secret_leaves_it_running_with_the_remedy_in_the_log_and_the_secret_nowhere() {
    let server = lab::serve(lab::with_events(10));
    let wrong = unsunk("contoso", &server).set("client_secret", "\"a wrong secret\"");
    let nowhere = Source {
        plugin: "nowhere.wasm".into(),
        ..unsunk("nowhere", &server)
    };
    let fluent_bit = FluentBit::new(&[wrong, nowhere, unsunk("fabrikam", &server)]);
    let child = fluent_bit.start(&[""]);
    wait_until("the good source is read", || fluent_bit.records(1).len() >= 20);
    // By then the other source's login has long been refused.
    thread::sleep(Duration::from_secs(2));
    let finished = fluent_bit.stop(child);
    finished
        .exits_with(0)
        .says("AADSTS7000215")
        .says("[error] [headwater] contoso: ")
        .says("cannot read the plugin");
    assert!(!finished.text().contains("a wrong secret") && !finished.text().contains(example::CLIENT_SECRET));
}

/// Access tokens that were issued.
fn tokens(server: &Server) -> usize {
    server.azure().stats(Utc::now()).tokens
}

/// A source that leaves its events to Fluent Bit.
fn unsunk(name: &str, server: &Server) -> Source {
    Source {
        name: name.to_owned(),
        ..source(server, "")
    }
}

fn to_toml(sources: &[Source]) -> String {
    let sources: String = sources
        .iter()
        .map(|source| source.to_toml().replace("[source.sink]\n", ""))
        .collect();
    format!("[state]\npath = \"state.redb\"\n{sources}")
}

fn plugin() -> std::path::PathBuf {
    artifacts::libraries().join("libin_headwater.so")
}

/// What Fluent Bit would know the event by.
fn keys(source: &str, id: &str) -> [String; 2] {
    [example::PRODUCTION, example::DEVELOPMENT]
        .map(|partition| event_key(source, &format!("subscriptions/{partition}"), id))
}

/// A folder with a configuration, and the loader.
struct FluentBit {
    site: Site,
    loader: std::path::PathBuf,
}

impl FluentBit {
    fn new(sources: &[Source]) -> Self {
        let site = Site::new(&[]);
        site.write("headwater.toml", &to_toml(sources));
        let options = ["-rdynamic", "-ldl", "-lpthread"];
        let loader = compile(
            &site.path(""),
            "collectors/fluent-bit/tests/loader.c",
            "loader",
            &options,
        );
        Self { site, loader }
    }

    fn command(&self, thread: &str, properties: &[&str]) -> std::process::Command {
        let mut loader = command(&self.loader, &self.site.path(""));
        loader.arg(plugin()).arg(thread).arg("config=headwater.toml");
        for property in properties.iter().filter(|property| !property.is_empty()) {
            loader.arg(property);
            if *property == "--" {
                loader.arg("config=headwater.toml");
            }
        }
        loader
    }

    fn spawn(&self, thread: &str, properties: &[&str]) -> Child {
        self.command(thread, properties).spawn().expect("it starts")
    }

    fn start(&self, properties: &[&str]) -> Child {
        self.spawn(ENGINE, properties)
    }

    fn stop(&self, child: Child) -> Finished {
        self.site.write("stop", "");
        finish(child)
    }

    /// The records of an input. The last one may be half there.
    fn records(&self, input: usize) -> Vec<Value> {
        records(&self.site.path(&format!("records.{input}")))
    }

    fn ids(&self, input: usize) -> Vec<String> {
        let records = self.records(input);
        let ids = records.iter().map(|record| record[1]["event"]["id"].as_str());
        ids.map(|id| id.expect("an id").to_owned()).collect()
    }
}

fn records(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut rest = &bytes[..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        match rmpv::decode::read_value(&mut rest) {
            Ok(record) => records.push(record),
            Err(_) => break,
        }
    }
    records
}
