//! Files that events cannot or must not go to: named at start, before anything is read, and never waited for without a word.
#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::artifacts;
use crate::collector::{Collector, listener};
use crate::lab;
use crate::site::{Site, Source, finish, headwater, wait_until};

fn site(server: &fake_azure::Server, path: &str, keys: &str) -> Site {
    Site::new(&[Source {
        sink: format!("type = \"file\"\npath = \"{path}\""),
        keys: keys.to_owned(),
        ..Source::azure("contoso", server.endpoint())
    }])
}

#[test]
fn a_sink_that_is_not_a_file_of_its_own_is_refused_at_start() {
    let server = lab::serve(lab::with_events(1));
    for (path, keys, words) in [
        ("pipe", "", "a pipe"),
        ("socket", "", "a socket"),
        ("folder", "", "a directory"),
        ("/dev/null", "", "a device"),
        ("/dev/full", "", "a device"),
        ("/dev/stdout", "", "regular file"),
        ("/proc/self/fd/2", "", "regular file"),
        ("dangling", "", "it is a link"),
        ("no-such-directory/events.ndjson", "", "no-such-directory"),
        ("notes.txt", "", "is not an event"),
        ("headwater.toml", "", "the configuration itself"),
        ("link-to-configuration", "", "the configuration itself"),
        ("hard-link-to-configuration", "", "the configuration itself"),
        (
            "secret.txt",
            "proxy = { file = \"secret.txt\" }",
            "a secret of source",
        ),
        ("state.redb", "", "also a file for events"),
        (
            "events.ndjson",
            "dead_letter = \"link-to-events\"",
            "give them two names",
        ),
        (
            "events.ndjson",
            "dead_letter = \"hard-link-to-events\"",
            "give them two names",
        ),
        ("other.ndjson", "dead_letter = \"pipe\"", "a pipe"),
        ("other.ndjson", "dead_letter = \"folder\"", "a directory"),
    ] {
        let site = site(&server, path, keys);
        let made = Command::new("mkfifo").arg(site.path("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let _socket = UnixListener::bind(site.path("socket")).expect("the folder can be written");
        std::fs::create_dir(site.path("folder")).expect("the folder can be written");
        site.write("notes.txt", "one\ntwo");
        site.write("secret.txt", "http://127.0.0.1:9\n");
        site.write("events.ndjson", "");
        for (target, link) in [
            ("nothing", "dangling"),
            ("headwater.toml", "link-to-configuration"),
            ("events.ndjson", "link-to-events"),
        ] {
            symlink(site.path(target), site.path(link)).expect("the folder can be written");
        }
        for (target, link) in [
            ("headwater.toml", "hard-link-to-configuration"),
            ("events.ndjson", "hard-link-to-events"),
        ] {
            std::fs::hard_link(site.path(target), site.path(link)).expect("the folder can be written");
        }
        let configuration = site.read("headwater.toml");
        let began = Instant::now();
        site.run(&["run", "--once"]).exits_with(2).says(words);
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{path} is not waited for"
        );
        assert_eq!(site.read("headwater.toml"), configuration, "{path}");
        assert_eq!(site.read("notes.txt"), "one\ntwo");
        assert!(!site.path("nothing").exists());
    }
    assert_eq!(
        server.azure().stats(Utc::now()).counts.requests,
        0,
        "nothing was sent"
    );
}

#[test]
fn what_is_created_is_its_owners_alone() {
    let server = lab::serve(lab::with_events(10));
    let bad = lab::visible_ids(&server).remove(5);
    let listener = listener();
    let address = listener.local_addr().expect("it is bound");
    let _collector = Collector::start(listener, &bad);
    let refusing = Source {
        sink: format!("type = \"http\"\nurl = \"http://{address}/\"\ngzip = false"),
        ..Source::azure("contoso", server.endpoint())
    };
    let site = Site::new(&[refusing, Source::azure("fabrikam", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(1);
    for name in ["fabrikam.ndjson", "contoso.dead.ndjson"] {
        let metadata = std::fs::metadata(site.path(name)).expect("it was created");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_closed_standard_output_is_refused_instead_of_delivering_to_nowhere() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source {
        sink: "type = \"stdout\"".to_owned(),
        ..Source::azure("contoso", server.endpoint())
    }]);
    let run = |redirection: &str| {
        let direct = headwater(&site.path(""));
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!(
                "exec \"$0\" run --once --config headwater.toml {redirection}"
            ))
            .arg(artifacts::host())
            .current_dir(site.path(""))
            .env_clear();
        for (name, value) in direct.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(child.spawn().expect("sh starts"))
    };
    run(">&-").exits_with(2).says("standard output is closed");
    assert_eq!(server.azure().stats(Utc::now()).counts.requests, 0);
    // Thrown away on purpose.
    run("> /dev/null").exits_with(0);
}

#[test]
fn a_locked_dead_letter_file_is_named_and_waited_for_and_does_not_hold_up_the_end() {
    let server = lab::serve(lab::with_events(10));
    let bad = lab::visible_ids(&server).remove(5);
    let listener = listener();
    let address = listener.local_addr().expect("it is bound");
    let collector = Collector::start(listener, &bad);
    let site = Site::new(&[Source {
        sink: format!("type = \"http\"\nurl = \"http://{address}/\"\ngzip = false"),
        ..Source::azure("contoso", server.endpoint())
    }]);
    site.write("contoso.dead.ndjson", "");
    let file = std::fs::File::options()
        .append(true)
        .open(site.path("contoso.dead.ndjson"))
        .expect("it is there");
    file.lock().expect("nobody else has it");
    let host = site.start_logged(&["run"]);
    host.says("another process has locked it");
    let began = Instant::now();
    let killed = Command::new("kill")
        .args(["-TERM", &host.child.id().to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    finish(host.child).exits_with(0);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let host = site.start_logged(&["run"]);
    file.unlock().expect("it is locked");
    wait_until("the event is kept", || {
        site.read("contoso.dead.ndjson").contains(&bad)
    });
    host.stop();
    let mut ids = collector.ids();
    ids.dedup();
    assert_eq!(ids.len(), 19);
}
