//! The state file of a running host, and of one that starts: damaged, removed, brought back.

use std::path::Path;
use std::process::Child;

use fake_azure::Server;

use crate::collector::free_address;
use crate::lab;
use crate::site::{Finished, Site, Source, finish, wait_until};
use crate::watched;

/// A site whose one tenant has read everything.
fn filled() -> (Server, Site) {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0);
    (server, site)
}

/// Where a text is in the state file.
fn places(file: &[u8], text: &str) -> Vec<usize> {
    let text = text.as_bytes();
    (0..file.len().saturating_sub(text.len()))
        .filter(|at| file[*at..].starts_with(text))
        .collect()
}

fn write(site: &Site, file: &[u8]) {
    std::fs::write(site.path("state.redb"), file).expect("the folder can be written");
}

#[test]
fn a_bit_that_flips_in_the_name_of_a_partition_never_restarts_it() {
    let (server, site) = filled();
    let whole = std::fs::read(site.path("state.redb")).expect("it was made");
    let names = places(&whole, "subscriptions/");
    assert!(!names.is_empty(), "no partition's name is in the file");
    let mut named = 0;
    for at in names {
        let mut damaged = whole.clone();
        damaged[at + 20] ^= 1;
        write(&site, &damaged);
        let finished = site.run(&["run", "--once"]);
        if finished.code == Some(2) {
            finished.says("state.redb").says("restore it from a backup");
            named += usize::from(finished.stderr.contains("partition \"subscriptions/"));
        } else {
            // Left over from an earlier transaction: nobody reads it.
            finished.exits_with(0);
        }
        assert_eq!(
            site.ids("contoso.ndjson"),
            lab::visible_ids(&server),
            "something came twice"
        );
    }
    assert!(named > 0, "no flip was noticed by name");
}

#[test]
fn a_damaged_cursor_is_listed_and_reset_alone() {
    let (server, site) = filled();
    let whole = std::fs::read(site.path("state.redb")).expect("it was made");
    // The header of an envelope, in the newest page that has one.
    let damaged_at = places(&whole, "\"sha256\":\"").into_iter().find(|at| {
        let mut damaged = whole.clone();
        damaged[at + 12] ^= 1;
        write(&site, &damaged);
        site.run(&["run", "--once"]).code == Some(2)
    });
    assert!(damaged_at.is_some(), "no flip was noticed");
    let listed = site.run(&["state", "list"]);
    listed.exits_with(0).says("the stored cursor is damaged");
    let line = listed.stdout.lines().find(|line| line.contains("is damaged"));
    let partition = line
        .and_then(|line| line.split_whitespace().nth(1))
        .expect("it names the partition");
    site.run(&["state", "reset", "--source", "contoso", "--partition", partition])
        .exits_with(0)
        .says("1 cursor(s) deleted");
    site.run(&["run", "--once"]).exits_with(0);
    let mut ids = site.ids("contoso.ndjson");
    ids.dedup();
    assert_eq!(
        ids,
        lab::visible_ids(&server),
        "only what was reset was read again"
    );
}

#[test]
fn no_damage_ends_a_start_otherwise_than_with_a_message() {
    let (_server, site) = filled();
    let whole = std::fs::read(site.path("state.redb")).expect("it was made");
    // Random enough, and the same every time.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    for round in 0..150 {
        let mut damaged = whole.clone();
        for _ in 0..1 + round % 20 {
            damaged[used[next(used.len())]] ^= 1 << next(8);
        }
        if round % 10 == 0 {
            damaged.truncate(next(whole.len()));
        }
        write(&site, &damaged);
        for arguments in [
            ["state", "list"].as_slice(),
            &["--log-format", "json", "state", "show"],
        ] {
            let finished = site.run(arguments);
            assert!(matches!(finished.code, Some(0 | 2)), "{round}: {finished:?}");
            assert!(!finished.stderr.contains("panicked"), "{round}: {finished:?}");
        }
    }
}

/// A host at work whose state file is then touched.
struct AtWork {
    server: Server,
    site: Site,
    host: Child,
    address: std::net::SocketAddr,
}

impl AtWork {
    fn start() -> Self {
        let server = lab::serve(lab::with_events(5));
        let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
        let address = free_address();
        let configuration = site.read("headwater.toml");
        site.write(
            "headwater.toml",
            &format!("[listen]\naddress = \"{address}\"\n{configuration}"),
        );
        let host = site.start(&["run"]);
        wait_until("it has read", || {
            site.read("contoso.ndjson").lines().count() >= 5 && watched::status(address, "/healthz") == 200
        });
        Self {
            server,
            site,
            host,
            address,
        }
    }

    fn state(&self) -> std::path::PathBuf {
        self.site.path("state.redb")
    }

    fn stop(mut self) -> (Server, Site, Finished) {
        let _ = self.host.kill();
        (self.server, self.site, finish(self.host))
    }
}

#[test]
fn a_state_file_that_is_removed_under_a_running_host_shows_and_is_not_made_again() {
    let host = AtWork::start();
    std::fs::remove_file(host.state()).expect("it is there");
    wait_until("it shows", || {
        let lines = watched::body(host.address, "/healthz");
        lines.contains("(host) state retrying") && watched::status(host.address, "/healthz") == 503
    });
    assert!(watched::body(host.address, "/status.json").contains("was removed or moved"));
    assert!(!host.state().exists());
    let (_server, site, finished) = host.stop();
    finished.says("ERROR").says("was removed or moved");
    let before = site.read("contoso.ndjson");
    site.run(&["run", "--once"])
        .exits_with(2)
        .says("is missing, but there was one")
        .says("state.redb.begun");
    assert_eq!(site.read("contoso.ndjson"), before, "nothing was read again");
    std::fs::remove_file(site.path("state.redb.begun")).expect("it says so");
    site.run(&["run", "--once"]).exits_with(0);
}

#[test]
fn a_state_file_that_is_put_back_is_used_again() {
    let host = AtWork::start();
    let away = host.site.path("away.redb");
    std::fs::rename(host.state(), &away).expect("it is there");
    wait_until("it shows", || {
        watched::body(host.address, "/healthz").contains("(host) state retrying")
    });
    std::fs::rename(&away, host.state()).expect("the name is free");
    wait_until("all is well", || watched::status(host.address, "/healthz") == 200);
    let (_server, site, finished) = host.stop();
    finished.says("can be used again");
    site.run(&["run", "--once"]).exits_with(0);
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_nowhere_is_refused_and_kept() {
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    std::os::unix::fs::symlink(Path::new("elsewhere/state.redb"), site.path("state.redb"))
        .expect("it is free");
    site.run(&["run", "--once"])
        .exits_with(2)
        .says("is a link to elsewhere/state.redb");
    assert!(site.path("state.redb").is_symlink());
}
