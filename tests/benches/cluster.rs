//! What a thousand tenants on three hosts ask of the PostgreSQL that they share: its processor time, and its statements by
//! what they are for. One JSON object. Needs PostgreSQL.

#[path = "../tests/e2e/artifacts.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod artifacts;
#[path = "../tests/e2e/collector.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod collector;
#[path = "support/fleet.rs"]
#[expect(dead_code, reason = "other measurements use the rest")]
mod fleet;
#[path = "../tests/e2e/lab.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod lab;
#[path = "../tests/e2e/postgres.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod postgres;
#[path = "support/processor.rs"]
mod processor;
#[path = "../tests/e2e/site.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod site;

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use fleet::{Fleet, Watch};
use postgres::Postgres;
use processor::Process;
use site::{Site, headwater, wait_until};

const TENANTS: usize = 1_000;
const HOSTS: usize = 3;
const INTERVAL: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(30);
/// Measured for so long, after the shares are fair and everybody was polled: each tenant is polled twice in it.
const SPAN: Duration = Duration::from_secs(120);
/// What the server of a test leaves out.
const SETTINGS: [&str; 3] = [
    "fsync=on",
    "shared_buffers=128MB",
    "shared_preload_libraries=pg_stat_statements",
];
/// What statements of hosts begin with, by what they are for.
const COMMITS: &str = "WITH fence AS MATERIALIZED%";
const RENEWALS: &str = "WITH beat AS%";
const LETTER_COUNTS: &str = "SELECT source, count(*) AS letters%";

fn main() {
    let fleet = Fleet::new(TENANTS, INTERVAL);
    let postgres = Postgres::start_with(&SETTINGS);
    postgres.sql("headwater", "CREATE EXTENSION pg_stat_statements");
    let sites = [(); HOSTS].map(|()| site(&fleet, &postgres));
    let mut hosts = sites.each_ref().map(start);
    let mut watch = Watch::default();
    wait_until("every tenant was polled", || {
        watch.look(&fleet.server);
        watch.tenants() == TENANTS
    });
    // A host has its share before it has begun to read all of it.
    let share = TENANTS.div_ceil(HOSTS);
    let unfair = format!(
        "SELECT count(*) FROM (SELECT 1 FROM headwater_source WHERE host IS NOT NULL GROUP BY host HAVING count(*) > {share})"
    );
    wait_until("the shares are fair", || {
        watch.look(&fleet.server);
        postgres.sql("headwater", &format!("{unfair} AS unfair")) == "0"
    });
    watch.look_for(&fleet.server, INTERVAL);
    postgres.sql("headwater", "SELECT pg_stat_statements_reset()");
    let before = Sample::take(&watch, &postgres, &hosts);
    watch.look_for(&fleet.server, SPAN);
    let after = Sample::take(&watch, &postgres, &hosts);
    let calls = |like: &str| {
        let calls = format!(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid \
             WHERE rolname = 'headwater' AND query LIKE '{like}'"
        );
        let calls = postgres.sql("headwater", &calls);
        calls.parse::<f64>().expect("a number")
    };
    let (commits, renewals, counts) = (calls(COMMITS), calls(RENEWALS), calls(LETTER_COUNTS));
    let percent = |before: f64, after: f64| 100.0 * (after - before) / SPAN.as_secs_f64();
    println!(
        r#"{{"bench":"cluster","sources":{TENANTS},"hosts":{HOSTS},"interval_s":{},"lease_s":{},"seconds":{},"polls":{},"commits":{commits},"statements_per_commit":{:.3},"renewals":{renewals},"renewals_allowed":{},"letter_counts":{counts},"postgres_cpu_percent":{:.2},"hosts_cpu_percent":{:.1}}}"#,
        INTERVAL.as_secs(),
        LEASE.as_secs(),
        SPAN.as_secs(),
        after.polls - before.polls,
        (calls("%") - renewals - counts) / commits,
        // One more for each host: their thirds of the lease do not begin with the measurement.
        HOSTS as u64 * (3 * SPAN.as_secs() / LEASE.as_secs() + 1),
        percent(before.postgres, after.postgres),
        percent(before.hosts, after.hosts),
    );
    for host in &mut hosts {
        let _ = host.kill();
        let _ = host.wait();
    }
}

/// What was used up to a moment: processor time in seconds.
struct Sample {
    polls: usize,
    postgres: f64,
    hosts: f64,
}

impl Sample {
    fn take(watch: &Watch, postgres: &Postgres, hosts: &[Child]) -> Self {
        Self {
            polls: watch.polls(),
            postgres: cpu_of(postgres),
            hosts: hosts
                .iter()
                .filter_map(|host| Process::look(host.id()))
                .map(|host| host.used)
                .sum(),
        }
    }
}

/// Processor time of all processes of the server, those that have ended included.
fn cpu_of(postgres: &Postgres) -> f64 {
    let checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let checkpointer = Process::look(postgres.sql("headwater", checkpointer));
    let first = checkpointer.expect("the server runs").parent;
    let children =
        fs::read_to_string(format!("/proc/{first}/task/{first}/children")).expect("the server runs");
    // One may have ended since; it is in what the first has of those.
    let running = children.split_whitespace().filter_map(Process::look);
    let own = Process::look(first).expect("the server runs");
    running.map(|child| child.used).sum::<f64>() + own.used + own.ended_children
}

/// A host's folder, with its state in the database.
fn site(fleet: &Fleet, postgres: &Postgres) -> Site {
    let site = fleet.site();
    let state = format!(
        "url = \"{}\"\n[cluster]\nlease = \"{}s\"",
        postgres.url(),
        LEASE.as_secs()
    );
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &configuration.replace("path = \"state.redb\"", &state),
    );
    site
}

/// Starts a host, which nobody listens to: a pipe that is not read would stop it.
fn start(site: &Site) -> Child {
    let mut command = headwater(&site.path(""));
    command.args(["run", "--config", "headwater.toml"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("headwater starts")
}
