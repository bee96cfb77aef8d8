//! Tenants come and go while the host runs: files of a folder, `[defaults]`, reload by signal and by watching.
#![cfg(unix)]

use std::net::SocketAddr;
use std::process::{Child, Command};

use chrono::Utc;
use fake_azure::Server;
use fake_azure::scenario::example;

use crate::artifacts;
use crate::collector::{free_address, get};
use crate::lab;
use crate::site::{Finished, Site, finish, wait_until};

/// A folder of tenants, and a host that reads them.
struct Fleet {
    server: Server,
    site: Site,
    address: SocketAddr,
    host: Child,
}

/// The main configuration, with these further lines in front.
fn main_file(server: &Server, address: SocketAddr, lines: &str) -> String {
    format!(
        "include = [\"tenants/*.toml\"]\n{lines}\n[state]\npath = \"state.redb\"\n[listen]\naddress = \"{address}\"\n\
         [defaults]\nplugin = \"{}\"\ninterval = \"1s\"\nallow = [\"{endpoint}\"]\n\
         [defaults.config]\ntenant_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = {{ file = \"secrets/{{source}}\" }}\n\
         subscription_id = \"*\"\nstart = \"24h\"\nlabels = {{ tenant = \"{{source}}\" }}\n\
         cloud = {{ authority = \"{endpoint}\", resource_manager = \"{endpoint}\" }}\n\
         [defaults.sink]\ntype = \"file\"\npath = \"out/{{source}}.ndjson\"\n",
        artifacts::azure_activity().display(),
        example::TENANT,
        example::CLIENT_ID,
        endpoint = server.endpoint(),
    )
}

impl Fleet {
    /// Runs these tenants, with these further lines in the main configuration.
    fn start(tenants: &[&str], lines: &str) -> Self {
        let fleet = Self::prepare(tenants, lines);
        wait_until("each is read", || tenants.iter().all(|name| fleet.has_read(name)));
        fleet
    }

    /// The same without waiting for them.
    fn prepare(tenants: &[&str], lines: &str) -> Self {
        let server = lab::serve(lab::with_events(20));
        let site = Site::new(&[]);
        for folder in ["tenants", "secrets", "out"] {
            std::fs::create_dir(site.path(folder)).expect("the folder is ours");
        }
        let address = free_address();
        site.write("headwater.toml", &main_file(&server, address, lines));
        for name in tenants {
            site.write(&format!("secrets/{name}"), example::CLIENT_SECRET);
            site.write(&format!("tenants/{name}.toml"), &tenant(name));
        }
        let host = site.start(&["run"]);
        let fleet = Self {
            server,
            site,
            address,
            host,
        };
        wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
        fleet
    }

    fn add(&self, name: &str) {
        self.site
            .write(&format!("secrets/{name}"), example::CLIENT_SECRET);
        self.site.write(&format!("tenants/{name}.toml"), &tenant(name));
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.site.path(&format!("tenants/{name}.toml"))).expect("it is there");
    }

    fn reload(&self) {
        send("HUP", &self.host);
    }

    /// How often anybody has logged in.
    fn logins(&self) -> usize {
        self.server.azure().stats(Utc::now()).tokens
    }

    fn ids(&self, name: &str) -> Vec<String> {
        self.site.ids(&format!("out/{name}.ndjson"))
    }

    fn has_read(&self, name: &str) -> bool {
        self.ids(name).len() >= lab::visible_ids(&self.server).len()
    }

    fn health(&self, name: &str) -> String {
        let lines = get(self.address, "/healthz");
        let of_source = lines.lines().filter(|line| line.starts_with(&format!("{name} ")));
        of_source.collect::<Vec<_>>().join("\n")
    }

    fn reload_worked(&self) -> bool {
        get(self.address, "/metrics").contains("headwater_config_reload_successful 1\n")
    }

    fn stop(self) -> (Site, Finished) {
        send("TERM", &self.host);
        (self.site, finish(self.host))
    }
}

fn tenant(name: &str) -> String {
    format!("[[source]]\nname = \"{name}\"\n")
}

pub fn send(signal: &str, host: &Child) {
    let sent = Command::new("kill")
        .args(["-s", signal, &host.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "{signal}");
}

#[test]
fn a_reload_touches_only_what_has_changed() {
    let fleet = Fleet::start(&["a", "b"], "");
    assert_eq!(fleet.logins(), 2);

    fleet.add("c");
    fleet.reload();
    wait_until("the new tenant is read", || fleet.has_read("c"));
    assert_eq!(fleet.logins(), 3, "only the new tenant has logged in");

    fleet
        .site
        .write("tenants/b.toml", &format!("{}interval = \"2s\"\n", tenant("b")));
    fleet.reload();
    wait_until("the changed tenant has begun again", || fleet.logins() == 4);

    fleet
        .site
        .write("tenants/x.toml", "[[source]]\nname = \"x\"\nintervall = \"1s\"\n");
    fleet.site.write("tenants/y.toml", "[[source]]\nname = \"y");
    fleet.add("d");
    fleet.reload();
    wait_until("the reload has failed", || !fleet.reload_worked());
    assert_eq!(fleet.logins(), 4, "nothing has changed");
    assert_eq!(fleet.health("d"), "");

    for name in ["x", "y", "d", "a"] {
        fleet.remove(name);
    }
    fleet.reload();
    wait_until("the removed tenant has no row any more", || {
        fleet.reload_worked() && fleet.health("a").is_empty()
    });
    assert!(!get(fleet.address, "/metrics").contains("source=\"a\""));

    for _ in 0..20 {
        fleet.reload();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let requests = || fleet.server.azure().stats(Utc::now()).counts.requests;
    let before = requests();
    wait_until("reading goes on", || requests() > before + 4);
    assert_eq!(fleet.logins(), 4, "no session was lost");

    let expected = lab::visible_ids(&fleet.server);
    for name in ["a", "b", "c"] {
        assert_eq!(
            fleet.ids(name),
            expected,
            "{name}: nothing is missing and nothing comes twice"
        );
    }
    let (site, finished) = fleet.stop();
    finished
        .exits_with(0)
        .says("tenants/x.toml: source \"x\".intervall: unknown key")
        .says("tenants/y.toml, line 2");
    let listed = site.run(&["state", "list"]);
    assert!(
        listed.stdout.lines().any(|line| line.starts_with("a ")),
        "the cursor is kept:\n{}",
        listed.stdout
    );
    assert!(
        site.events("out/c.ndjson")
            .iter()
            .all(|event| event["labels"]["tenant"] == "c")
    );
}

#[test]
fn a_folder_that_is_watched_is_read_when_it_changes() {
    let fleet = Fleet::start(&["a"], "reload.watch = true");
    // Half of it first, as an editor or a copy over a slow line leaves it.
    fleet.site.write("secrets/b", example::CLIENT_SECRET);
    fleet.site.write("tenants/b.toml", "[[source]]\nname = \"b");
    wait_until("the half is refused", || !fleet.reload_worked());
    fleet.site.write("tenants/b.toml", &tenant("b"));
    wait_until("the tenant is read", || fleet.has_read("b"));
    fleet.remove("b");
    wait_until("the tenant is gone", || fleet.health("b").is_empty());
    assert!(fleet.reload_worked());
    assert_eq!(fleet.logins(), 2, "the other tenant keeps its session");
    assert_eq!(fleet.ids("a"), lab::visible_ids(&fleet.server));
    fleet.stop().1.exits_with(0);
}

#[test]
fn a_broken_tenant_is_a_row_and_a_reload_repairs_it() {
    let fleet = Fleet::start(&["a"], "");
    fleet.site.write("tenants/b.toml", &tenant("b"));
    fleet.add("c");
    fleet.reload();
    // What is missing stops one tenant, also at a reload; the others that came with it begin.
    wait_until("the other new tenant is read", || fleet.has_read("c"));
    wait_until("the row says why", || {
        let health = fleet.health("b");
        health.contains("stopped") && health.contains("secrets/b")
    });
    fleet.site.write("secrets/b", example::CLIENT_SECRET);
    fleet.reload();
    wait_until("it is read", || fleet.has_read("b"));
    assert_eq!(fleet.logins(), 3);
    fleet.stop().1.exits_with(0);
}

#[test]
fn a_tenant_that_was_broken_at_the_start_is_repaired_by_a_reload() {
    let fleet = Fleet::prepare(&["a"], "");
    wait_until("it is read", || fleet.has_read("a"));
    let (site, finished) = fleet.stop();
    finished.exits_with(0);
    site.write("tenants/b.toml", "[[source]]\nname = \"b\"\nintervall = \"1s\"\n");
    site.write("tenants/c.toml", "nonsense");
    site.write("secrets/b", example::CLIENT_SECRET);
    site.run(&["run", "--once"])
        .exits_with(1)
        .says("tenants/b.toml")
        .says("tenants/c.toml");
    site.run(&["validate"]).exits_with(2).says("a: ok");
}

#[test]
fn what_needs_a_restart_is_said_and_everything_else_is_done() {
    let fleet = Fleet::start(&["a"], "");
    let other = main_file(&fleet.server, free_address(), "limits.memory = \"1GiB\"");
    fleet
        .site
        .write("headwater.toml", &other.replace("state.redb", "other.redb"));
    fleet.add("b");
    fleet.reload();
    wait_until("the new tenant is read", || fleet.has_read("b"));
    assert_eq!(fleet.logins(), 2, "no tenant was touched");
    let (site, finished) = fleet.stop();
    finished
        .exits_with(0)
        .says("[state] has changed")
        .says("[listen] has changed")
        .says("[limits] has changed");
    assert!(!site.path("other.redb").exists());
}
