//! What keeps one source from starting, or from being polled, is nobody else's trouble; and it passes by itself.

use std::time::{Duration, Instant};

use chrono::Utc;
use fake_azure::scenario::example;

use crate::lab;
use crate::site::{Site, Source, finish, wait_until};

fn source(name: &str, endpoint: &str) -> Source {
    Source::azure(name, endpoint)
}

/// A source of each kind that cannot be started, with a word of the reason.
fn broken(endpoint: &str) -> Vec<(Source, &'static str)> {
    let with_keys = |name: &str, keys: &str| Source {
        keys: keys.to_owned(),
        ..source(name, endpoint)
    };
    let with_sink = |name: &str, sink: &str| Source {
        sink: sink.to_owned(),
        ..source(name, endpoint)
    };
    let with_plugin = |name: &str, plugin: &str| Source {
        plugin: plugin.into(),
        ..source(name, endpoint)
    };
    let hostile = |name: &str, judges: &str| Source {
        name: name.to_owned(),
        sink: format!("type = \"file\"\npath = \"{name}.ndjson\""),
        rest: "[source.limits]\npoll_timeout = \"2s\"".to_owned(),
        ..Source::hostile("none").set("judges", judges)
    };
    vec![
        (
            source("no-variable", endpoint).set("client_secret", "{ env = \"NO_SUCH_SECRET\" }"),
            "NO_SUCH_SECRET",
        ),
        (
            source("no-file", endpoint).set("client_secret", "{ file = \"no-such-file\" }"),
            "no-such-file",
        ),
        (
            source("unset", endpoint).set("client_secret", "\"${CLIENT_SECRET}\""),
            "variables are not replaced",
        ),
        (
            source("folder", endpoint).set("client_secret", "{ file = \".\" }"),
            "a directory",
        ),
        (with_keys("no-ca", "ca = \"no-such-ca.pem\""), "no-such-ca.pem"),
        (with_keys("unknown-key", "intervall = \"1s\""), "intervall"),
        (
            with_keys("no-place", "dead_letter = \"no-such-folder/dead.ndjson\""),
            "no-such-folder",
        ),
        (
            with_sink("no-sink", "type = \"file\"\npath = \"no-folder-here/x.ndjson\""),
            "no-folder-here",
        ),
        (
            with_sink("odd-sink", "type = \"carrier-pigeon\""),
            "carrier-pigeon",
        ),
        (with_plugin("no-plugin", "missing.wasm"), "missing.wasm"),
        (with_plugin("text", "headwater.toml"), "WebAssembly"),
        (source("Contoso", endpoint), "has this name"),
        (hostile("hangs", "\"never\""), "did not return within 2s"),
        (hostile("crashes", "\"badly\""), "crashed"),
        (hostile("verbose", "\"at length\""), "and 1980 more"),
    ]
}

#[test]
fn a_broken_source_of_any_kind_does_not_stop_the_others() {
    let server = lab::serve(lab::with_events(5));
    let (mut sources, mut words) = (vec![source("contoso", server.endpoint())], Vec::new());
    for (source, word) in broken(server.endpoint()) {
        sources.push(source);
        words.push(word);
    }
    sources.push(source("fabrikam", server.endpoint()));
    let site = Site::new(&sources);
    let finished = site.run(&["run", "--once"]);
    finished.exits_with(1);
    for name in ["contoso", "fabrikam"] {
        assert_eq!(
            site.ids(&format!("{name}.ndjson")),
            lab::visible_ids(&server),
            "{name}"
        );
    }
    for word in &words {
        finished.says(word);
    }
    assert!(
        finished.stderr.len() < 200_000,
        "{} bytes of log",
        finished.stderr.len()
    );

    let checked = site.run(&["check"]);
    checked.exits_with(1);
    words.iter().for_each(|word| {
        checked.says(word);
    });
    let before = server.azure().stats(Utc::now()).counts.requests;
    let validated = site.run(&["validate"]);
    validated.exits_with(2).says("contoso: ok").says("fabrikam: ok");
    words.iter().for_each(|word| {
        validated.says(word);
    });
    let strict = site.run(&["run", "--once", "--strict"]);
    strict.exits_with(2);
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        before,
        "nothing was sent"
    );
}

#[test]
fn a_configuration_without_a_usable_source_ends_the_start() {
    let all = broken("http://127.0.0.1:9").into_iter().map(|(source, _)| source);
    let site = Site::new(&all.filter(|source| source.name != "Contoso").collect::<Vec<_>>());
    site.run(&["run"])
        .exits_with(2)
        .says("NO_SUCH_SECRET")
        .says("crashed");
    assert!(!site.path("state.redb").exists());
}

#[test]
fn a_working_configuration_is_valid_without_a_network() {
    let site = Site::new(&[source("contoso", "http://127.0.0.1:9")]);
    site.run(&["validate"]).exits_with(0).says("contoso: ok");
    assert!(!site.path("contoso.ndjson").exists() && !site.path("state.redb").exists());
}

#[test]
fn a_source_starts_by_itself_when_what_it_lacked_is_there() {
    let server = lab::serve(lab::with_events(5));
    let late = source("late", server.endpoint()).set("client_secret", "{ file = \"late-secret\" }");
    let mut homeless = source("homeless", server.endpoint());
    homeless.sink = "type = \"file\"\npath = \"folder/events.ndjson\"".to_owned();
    let site = Site::new(&[source("contoso", server.endpoint()), late, homeless]);
    let host = site.start_logged(&["run"]);
    let all = lab::visible_ids(&server);
    wait_until("the other one is read", || site.ids("contoso.ndjson") == all);
    site.write("late-secret", &format!("{}\n", example::CLIENT_SECRET));
    std::fs::create_dir(site.path("folder")).expect("the folder can be made");
    wait_until("both are read", || {
        site.ids("late.ndjson") == all && site.ids("folder/events.ndjson") == all
    });
    host.says("the source is stopped").says("works again");
    host.stop();
}

#[test]
#[cfg(unix)]
fn a_secret_that_becomes_a_pipe_stops_its_own_source_until_it_is_a_file_again() {
    let server = lab::serve(lab::with_events(5));
    let piped = source("piped", server.endpoint()).set("client_secret", "{ file = \"secret\" }");
    let site = Site::new(&[source("contoso", server.endpoint()), piped]);
    site.write("secret", example::CLIENT_SECRET);
    let host = site.start_logged(&["run"]);
    let requests = || server.azure().stats(Utc::now()).counts.requests;
    wait_until("both are read", || {
        !site.ids("piped.ndjson").is_empty() && !site.ids("contoso.ndjson").is_empty()
    });
    std::fs::remove_file(site.path("secret")).expect("it is there");
    let made = std::process::Command::new("mkfifo")
        .arg(site.path("secret"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let before = requests();
    wait_until("the other one goes on", || requests() > before + 10);
    host.says("host.secret");
    std::fs::remove_file(site.path("secret")).expect("it is there");
    site.write("secret", example::CLIENT_SECRET);
    host.says("works again");
    host.stop();
}

#[test]
fn a_plugin_is_asked_again_after_any_fault_and_reads_on_in_the_same_process() {
    for fault in ["denied", "invalid-config", "invalid-cursor", "broken"] {
        let mut feed = Source::hostile("").set("defect", "\"none\"");
        feed = feed.set("fault", "{ file = \"fault\" }");
        let site = Site::new(&[feed]);
        site.write("fault", fault);
        let host = site.start_logged(&["run"]);
        host.says("no progress");
        site.write("fault", "none any more");
        wait_until("it reads on", || {
            site.read("mallory.ndjson").lines().count() == 60
        });
        host.says("works again").says(&format!("fault=\"{fault}\""));
        host.stop();
    }
}

#[test]
fn many_tenants_behind_an_upstream_that_hangs_cost_another_one_nothing() {
    let script = r#"{"faults": [{"on": {"endpoint": "log", "times": null}, "do": "hang"}]}"#;
    let hanging = lab::serve_with_faults(lab::with_events(1), script);
    let server = lab::serve(lab::with_events(1));
    // Two subscriptions and the tenant's log each.
    let mut sources: Vec<Source> = (0..40)
        .map(|number| source(&format!("hanging-{number}"), hanging.endpoint()).set("tenant_log", "true"))
        .collect();
    sources.push(source("honest", server.endpoint()));
    let site = Site::new(&sources);
    let mut host = site.start(&["run"]);
    wait_until("all the others hang", || {
        hanging.azure().stats(Utc::now()).counts.requests > 40 * 4
    });
    let requests = || server.azure().stats(Utc::now()).counts.requests;
    let (before, began) = (requests(), Instant::now());
    // Two partitions, a poll a second each.
    wait_until("the honest one is polled", || requests() > before + 20);
    let took = began.elapsed();
    let _ = host.kill();
    finish(host);
    assert!(took < Duration::from_secs(25), "20 polls took {took:?}");
}

#[test]
fn plugins_that_hang_at_the_start_keep_no_other_source_from_starting() {
    let server = lab::serve(lab::with_events(1));
    // More than begin at once.
    let mut sources: Vec<Source> = (0..100)
        .map(|number| Source {
            name: format!("hanging-{number}"),
            sink: format!("type = \"file\"\npath = \"hanging-{number}.ndjson\""),
            rest: "[source.limits]\nmemory = \"4MiB\"\nhost_memory = \"1MiB\"".to_owned(),
            ..Source::hostile("none").set("judges", "\"late\"")
        })
        .collect();
    sources.push(source("honest", server.endpoint()));
    let site = Site::new(&sources);
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &format!("[limits]\nmemory = \"6GiB\"\n{configuration}"),
    );
    let host = site.start_logged(&["run"]);
    let began = Instant::now();
    wait_until("the honest one is read", || {
        site.ids("honest.ndjson") == lab::visible_ids(&server)
    });
    let took = began.elapsed();
    // A plugin has 15 s to judge its configuration.
    host.says("did not return within 15s");
    host.stop();
    assert!(took < Duration::from_secs(14), "it took {took:?}");
}
