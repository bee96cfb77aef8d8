//! PostgreSQL as a place for cursors, by the library: leases, fences, and what goes wrong with databases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headwater::cursor::postgres::{
    Address, Change, Control, Member, Membership, PostgresError, PostgresStore, schema_sql,
};
use headwater::cursor::{Commit, CursorStore, Position};
use headwater::secret::SecretText;

use crate::invariants::{EVERY_SOURCE_GOES_ON, NO_COMMIT_WITHOUT_THE_LEASE};
use crate::lab;
use crate::postgres::{PASSWORD, Pooler, Postgres};
use crate::site::{Site, Source, finish, headwater};

const LEASE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}

async fn try_open(url: &str, patience: Duration) -> Result<PostgresStore, PostgresError> {
    PostgresStore::open(Address::new(SecretText::written(url)), "default", patience).await
}

async fn open(url: &str) -> PostgresStore {
    try_open(url, Duration::from_secs(20))
        .await
        .expect("the database can be used")
}

fn membership(name: &str, sources: &[String], lease: Duration) -> Membership {
    Membership {
        name: name.to_owned(),
        lease,
        sources: sources.to_vec(),
        configuration: "one".to_owned(),
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("tenant-{number}")).collect()
}

/// A host that has this source.
async fn reader(url: &str, source: &str) -> (PostgresStore, Member) {
    let store = open(url).await;
    let mut member = store.join(membership(
        "reader",
        &[source.to_owned()],
        Duration::from_secs(60),
    ));
    assert_eq!(member.next().await, Some(Change::Claimed(source.to_owned())));
    (store, member)
}

async fn commit(store: &PostgresStore, cursor: &str) -> Result<(), String> {
    let commit = Commit::new("contoso", "p", "plugin 1.0.0", cursor.as_bytes());
    store.commit(commit).await.map_err(|error| error.to_string())
}

async fn load(store: &PostgresStore) -> Result<Position, String> {
    store
        .load("contoso", "p")
        .await
        .map_err(|error| error.to_string())
}

fn at(cursor: &str) -> Result<Position, String> {
    Ok(Position::At(cursor.into()))
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_cursor_is_stored_only_under_the_lease() {
    let postgres = Postgres::start();
    run(async {
        let (first, member) = reader(&postgres.url(), "contoso").await;
        assert_eq!(load(&first).await, Ok(Position::NeverRead));
        assert_eq!(commit(&first, "1 a").await, Ok(()));
        assert_eq!(commit(&first, "1 b").await, Ok(()));
        assert_eq!(load(&first).await, at("1 b"));
        assert_eq!(first.partitions("contoso").await.expect("it answers"), ["p"]);
        let second = open(&postgres.url()).await;
        let refusal = commit(&second, "1 z")
            .await
            .expect_err(NO_COMMIT_WITHOUT_THE_LEASE);
        assert!(
            refusal.contains("does not have the lease of source \"contoso\""),
            "{refusal}"
        );
        // The first host is stopped, as if by SIGSTOP, for longer than its lease.
        drop(member);
        postgres.sql(
            "headwater",
            "UPDATE headwater_source SET expires = now() - interval '1 second'",
        );
        let (second, _member) = reader(&postgres.url(), "contoso").await;
        assert_eq!(load(&second).await, at("1 b"));
        let refusal = commit(&first, "1 c")
            .await
            .expect_err(NO_COMMIT_WITHOUT_THE_LEASE);
        assert!(refusal.contains("does not have the lease"), "{refusal}");
        assert_eq!(first.fenced_commits(), 1);
        assert_eq!(load(&second).await, at("1 b"));
        assert!(
            load(&first).await.is_err(),
            "nor does it go on from what the other one stores"
        );
        assert_eq!(commit(&second, "1 d").await, Ok(()));
        let epoch = postgres.sql("headwater", "SELECT epoch FROM headwater_source");
        assert_eq!(epoch, "2");
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_cursor_that_is_deleted_by_hand_is_reported_and_never_a_first_run() {
    let postgres = Postgres::start();
    run(async {
        let (store, _member) = reader(&postgres.url(), "contoso").await;
        assert_eq!(commit(&store, "1 a").await, Ok(()));
        postgres.sql("headwater", "DELETE FROM headwater_cursor");
        let Ok(Position::Lost(reason)) = load(&store).await else {
            panic!("not reported");
        };
        assert!(reason.contains("had a cursor and has none"), "{reason}");
        let refusal = commit(&store, "1 b").await.expect_err("a person decides");
        assert!(
            refusal.contains("partition \"p\" of source \"contoso\""),
            "{refusal}"
        );
        assert!(refusal.contains("headwater state reset"), "{refusal}");
        let entries = store.entries().await.expect("it answers");
        assert!(entries.len() == 1 && entries[0].envelope.is_err(), "{entries:?}");
        // The person decides, and whoever reads it has to begin again.
        store
            .forget(&[("contoso".to_owned(), "p".to_owned())])
            .await
            .expect("it answers");
        assert!(commit(&store, "1 c").await.is_err());
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_damaged_cursor_is_reported() {
    let postgres = Postgres::start();
    run(async {
        let (store, _member) = reader(&postgres.url(), "contoso").await;
        assert_eq!(commit(&store, "1 a").await, Ok(()));
        postgres.sql(
            "headwater",
            "UPDATE headwater_cursor SET cursor = cursor || 'x'::bytea",
        );
        let found = load(&store).await;
        assert!(
            matches!(&found, Ok(Position::Lost(reason)) if reason.contains("is damaged")),
            "{found:?}"
        );
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_locked_table_and_a_killed_database_cost_time_and_no_cursor() {
    let postgres = Postgres::start();
    run(async {
        let store = try_open(&postgres.url(), Duration::from_secs(2))
            .await
            .expect("it can be used");
        let mut member = store.join(membership("reader", &names(0), LEASE));
        member
            .control()
            .set_sources(vec!["contoso".to_owned()], "one".to_owned());
        assert_eq!(member.next().await, Some(Change::Claimed("contoso".to_owned())));
        assert_eq!(commit(&store, "1 a").await, Ok(()));
        let lock = "BEGIN; LOCK TABLE headwater_cursor; SELECT pg_sleep(60)";
        let mut holder = postgres.sql_meanwhile(lock);
        let mut refusal = Ok(());
        while refusal.is_ok() {
            refusal = commit(&store, "1 b").await;
        }
        let refusal = refusal.expect_err("it is locked");
        assert!(
            refusal.contains("did not answer within 2 s") && refusal.contains("holds a lock"),
            "{refusal}"
        );
        let _ = holder.kill();
        let _ = holder.wait();
        postgres.sql(
            "headwater",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' \
             AND pid <> pg_backend_pid()",
        );
        // Nothing that was sent before is carried out later.
        assert_eq!(commit(&store, "1 c").await, Ok(()));
        assert_eq!(load(&store).await, at("1 c"));
        postgres.kill();
        // What serves a connection may outlive the server by a moment.
        let mut refusal = Ok(());
        while refusal.is_ok() {
            refusal = commit(&store, "1 d").await;
        }
        let refusal = refusal.expect_err("it is away");
        assert!(
            refusal.contains("cannot reach the database 127.0.0.1:"),
            "{refusal}"
        );
        assert!(refusal.contains("nothing is lost"), "{refusal}");
        postgres.start_again();
        assert_eq!(commit(&store, "1 d").await, Ok(()), "{EVERY_SOURCE_GOES_ON}");
        assert_eq!(load(&store).await, at("1 d"));
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn whatever_is_wrong_with_a_database_is_said_with_its_remedy_and_without_the_password() {
    let postgres = Postgres::start();
    let (port, url) = (postgres.port(), postgres.url());
    let prepare = "CREATE ROLE stranger LOGIN PASSWORD 'correct-horse'; \
         CREATE ROLE crowded LOGIN PASSWORD 'correct-horse' CONNECTION LIMIT 0; \
         CREATE ROLE replica LOGIN PASSWORD 'correct-horse'; \
         ALTER ROLE replica SET default_transaction_read_only = on";
    postgres.sql("postgres", prepare);
    run(async {
        drop(open(&url).await);
        postgres.sql("postgres", "CREATE DATABASE newer OWNER headwater");
        let newer = format!("postgres://headwater:{PASSWORD}@127.0.0.1:{port}/newer");
        drop(open(&newer).await);
        postgres.sql("newer", "UPDATE headwater_schema SET version = 77");
        let latin = "CREATE DATABASE latin OWNER headwater ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
        postgres.sql("postgres", latin);
        for (url, words) in [
            (
                "postgres://u:correct-horse@127.0.0.1:1/d",
                ["cannot reach the database 127.0.0.1:1/d", "host and port"],
            ),
            (
                &url.replace(PASSWORD, "Correct-horse"),
                ["refuses the login", "check user and password"],
            ),
            (
                &format!("{}/nowhere", url.trim_end_matches("/headwater")),
                ["does not exist", "createdb"],
            ),
            (
                &postgres.url_of("stranger"),
                ["lacks a right", "headwater state schema"],
            ),
            (
                &postgres.url_of("crowded"),
                ["takes no further connection", "pgbouncer"],
            ),
            (&postgres.url_of("replica"), ["is read-only", "name the primary"]),
            (
                &newer.replace("/newer", "/latin"),
                ["has the encoding LATIN1", "--encoding=UTF8"],
            ),
            (&newer, ["by a newer headwater (schema 77", "on every host"]),
            (&format!("{url}?sslmode=require"), ["cannot encrypt", "state.ca"]),
        ] {
            let error = try_open(url, Duration::from_secs(20))
                .await
                .expect_err("it cannot be used");
            let text = error.to_string();
            for word in words {
                assert!(text.contains(word), "{word}: {text}");
            }
            assert!(!text.to_lowercase().contains(PASSWORD), "{text}");
            assert!(
                !format!("{error:?}").to_lowercase().contains(PASSWORD),
                "{error:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_wrong_password_ends_every_command_and_is_shown_by_none() {
    const WRONG: &str = "hunter2-is-wrong";
    let postgres = Postgres::start();
    let url = postgres.url().replace(PASSWORD, WRONG);
    let site = Site::new(&[Source::azure("contoso", "http://127.0.0.1:9")]);
    let configuration = site.read("headwater.toml").replace(
        "path = \"state.redb\"",
        "url = { env = \"HEADWATER_DATABASE_URL\" }",
    );
    site.write("headwater.toml", &configuration);
    for arguments in [
        &["run"][..],
        &["run", "--once"],
        &["state", "list"],
        &["state", "export", "--source", "contoso"],
        &["dead-letter", "list"],
        &["dead-letter", "replay"],
    ] {
        let variables = [("HEADWATER_DATABASE_URL", url.as_str()), ("RUST_LOG", "trace")];
        let finished = site.run_with(&variables, arguments);
        finished.exits_with(2).says("refuses the login");
        assert!(
            !finished.text().contains(WRONG),
            "{arguments:?}: {}",
            finished.text()
        );
    }
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_host_needs_no_right_to_make_tables_where_their_owner_has_made_them() {
    let postgres = Postgres::start();
    postgres.sql("headwater", &schema_sql());
    postgres.sql(
        "headwater",
        &format!(
            "CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; \
             GRANT SELECT ON headwater_schema TO reader; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON headwater_source, headwater_cursor, headwater_dead_letter, \
             headwater_host TO reader; \
             GRANT SELECT, INSERT, DELETE ON headwater_partition TO reader"
        ),
    );
    run(async {
        let (store, _member) = reader(&postgres.url_of("reader"), "contoso").await;
        assert_eq!(commit(&store, "1 a").await, Ok(()));
        postgres.sql("headwater", "REVOKE INSERT ON headwater_cursor FROM reader");
        let error = try_open(&postgres.url_of("reader"), PATIENCE)
            .await
            .expect_err("a right is missing");
        assert!(
            error.to_string().contains("INSERT on headwater_cursor"),
            "{error}"
        );
    });
}

/// Hosts of one cluster, each of which says at once that a source has ended that it is to stop.
struct Hosts {
    joined: Vec<(PostgresStore, Control, tokio::task::JoinHandle<()>)>,
    /// Who reads what, as each host sees it.
    read: std::sync::Arc<std::sync::Mutex<BTreeMap<String, BTreeSet<usize>>>>,
}

impl Hosts {
    fn new() -> Self {
        Self {
            joined: Vec::new(),
            read: Default::default(),
        }
    }

    fn join(&mut self, store: PostgresStore, sources: &[String]) {
        let number = self.joined.len();
        let mut member = store.join(membership(&format!("host-{number}"), sources, LEASE));
        let (control, read) = (member.control(), self.read.clone());
        let ended = control.clone();
        let task = tokio::spawn(async move {
            while let Some(change) = member.next().await {
                let mut read = read.lock().expect("no test fails with it");
                match change {
                    Change::Claimed(source) => {
                        read.entry(source).or_default().insert(number);
                    }
                    Change::Stop(source) => {
                        read.entry(source.clone()).or_default().remove(&number);
                        ended.ended(&source);
                    }
                }
            }
        });
        self.joined.push((store, control, task));
    }

    /// How many sources each host reads.
    fn shares(&self) -> Vec<usize> {
        let read = self.read.lock().expect("no test fails with it");
        let share = |number: usize| read.values().filter(|hosts| hosts.contains(&number)).count();
        (0..self.joined.len()).map(share).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&[usize]) -> bool) -> Duration {
        let began = std::time::Instant::now();
        while !holds(&self.shares()) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain until {what}: {:?}",
                self.shares()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        began.elapsed()
    }
}

/// The same with and without a pooler.
async fn shares_are_fair_stable_and_taken_over(url: &str) {
    let sources = names(61);
    let mut hosts = Hosts::new();
    hosts.join(open(url).await, &sources);
    hosts.until("one host has all", |shares| shares == [61]).await;
    hosts.join(open(url).await, &sources);
    hosts.join(open(url).await, &sources);
    let is_fair =
        |shares: &[usize]| shares.iter().sum::<usize>() == 61 && shares.iter().all(|share| *share <= 21);
    hosts.until("shares are fair", is_fair).await;
    let before = hosts.read.lock().expect("no test fails with it").clone();
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!(
        *hosts.read.lock().expect("no test fails with it"),
        before,
        "shares are stable"
    );
    // One is killed: nobody says anything for it any more.
    hosts.joined[0].2.abort();
    hosts
        .read
        .lock()
        .expect("no test fails with it")
        .values_mut()
        .for_each(|hosts| {
            hosts.remove(&0);
        });
    let took = hosts
        .until(EVERY_SOURCE_GOES_ON, |shares| shares[1] + shares[2] == 61)
        .await;
    println!("takeover of a share within {took:?}, lease {LEASE:?}");
    assert!(
        hosts.shares()[1..].iter().all(|share| *share <= 31),
        "{:?}",
        hosts.shares()
    );
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn hosts_share_fairly_and_take_over_from_the_dead() {
    let postgres = Postgres::start();
    run(shares_are_fair_stable_and_taken_over(&postgres.url()));
}

#[test]
#[ignore = "needs PostgreSQL and pgbouncer, which .ci/run installs"]
fn everything_works_through_a_pooler_in_transaction_mode() {
    let postgres = Postgres::start();
    let pooler = Pooler::start(&postgres);
    run(async {
        shares_are_fair_stable_and_taken_over(&pooler.url()).await;
        let (store, member) = reader(&pooler.url(), "contoso").await;
        for round in 0..200 {
            assert_eq!(commit(&store, &format!("1 {round}")).await, Ok(()));
        }
        assert_eq!(load(&store).await, at("1 199"));
        member.leave().await;
        let left = "SELECT count(*) FROM headwater_source WHERE source = 'contoso' AND host IS NULL";
        assert_eq!(postgres.sql("headwater", left), "1");
        let prepared = "SELECT count(*) FROM pg_prepared_statements";
        assert_eq!(postgres.sql("headwater", prepared), "0");
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn hosts_that_start_at_once_make_the_tables_once() {
    let postgres = Postgres::start();
    run(async {
        let url = postgres.url();
        let opened = tokio::join!(open(&url), open(&url), open(&url), open(&url));
        assert_eq!(opened.0.cluster(), "default");
        assert_eq!(
            postgres.sql("headwater", "SELECT count(*) FROM headwater_schema"),
            "1"
        );
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn tables_of_the_first_schema_are_upgraded_with_what_is_in_them() {
    let postgres = Postgres::start();
    run(async {
        drop(open(&postgres.url()).await);
        postgres.sql(
            "headwater",
            "ALTER TABLE headwater_dead_letter DROP COLUMN detail, DROP COLUMN replayer, DROP COLUMN replayed_until; \
             DROP INDEX headwater_dead_letter_age; UPDATE headwater_schema SET version = 1; \
             INSERT INTO headwater_source (cluster, source, epoch) VALUES ('default', 'contoso', 7)",
        );
        let url = postgres.url();
        let _ = tokio::join!(open(&url), open(&url), open(&url));
        let found = "SELECT version, (SELECT epoch FROM headwater_source), (SELECT count(detail) FROM headwater_dead_letter) \
                     FROM headwater_schema";
        assert_eq!(postgres.sql("headwater", found), "2|7|0");
        // An owner may run the whole of it again.
        postgres.sql("headwater", &schema_sql());
        assert_eq!(postgres.sql("headwater", found), "2|7|0");
    });
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_tenant_moves_into_a_cluster_that_runs_unless_a_host_reads_it() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(5));
    let with_file = Site::new(&[Source::azure("contoso", server.endpoint())]);
    with_file.run(&["run", "--once"]).exits_with(0);
    let exported = with_file.run(&["state", "export", "--source", "contoso"]);
    exported.exits_with(0);
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    let with_database = site.read("headwater.toml").replace(
        "path = \"state.redb\"",
        "url = { env = \"HEADWATER_DATABASE_URL\" }",
    );
    site.write("headwater.toml", &with_database);
    site.write("contoso.state", &exported.stdout);
    let command = |arguments: &[&str]| site.run_with(&[("HEADWATER_DATABASE_URL", &url)], arguments);
    let import = [
        "state",
        "import",
        "--source",
        "contoso",
        "--from",
        "contoso.state",
    ];
    command(&["state", "export", "--source", "contoso"])
        .exits_with(2)
        .says("has no stored cursor");
    run(async {
        // Somebody reads it at this moment, and has stored nothing yet.
        let (_, member) = reader(&url, "contoso").await;
        let refused = command(&import);
        refused
            .exits_with(2)
            .says("a host of the cluster reads source \"contoso\"; nothing was stored");
        member.leave().await;
    });
    assert_eq!(
        postgres.sql("headwater", "SELECT count(*) FROM headwater_partition"),
        "0"
    );
    command(&import).exits_with(0).says("2 cursor(s) imported");
    command(&import).exits_with(2).says("already");
    let again = command(&["state", "export", "--source", "contoso"]);
    let cursors = |text: &str| -> Vec<serde_json::Value> {
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines
            .map(|line: serde_json::Value| line["cursor"].clone())
            .collect()
    };
    assert_eq!(cursors(&again.stdout), cursors(&exported.stdout));
    command(&["state", "show", "--source", "contoso"])
        .exits_with(0)
        .says("contoso subscriptions/");
    command(&["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), "", "nothing comes a second time");
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn cursors_move_to_a_database_and_back_and_nothing_is_overwritten() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = lab::serve(lab::with_events(5));
    let site = Site::new(&[Source::azure("contoso", server.endpoint())]);
    site.run(&["run", "--once"]).exits_with(0);
    let before = site.read("contoso.ndjson");
    let copy = |from: &str, to: &str| {
        let mut command = headwater(&site.path(""));
        command.args(["state", "copy", "--from", from, "--to", to]);
        finish(command.spawn().expect("headwater starts"))
    };
    copy("elsewhere.redb", &url).exits_with(2).says("check --from");
    copy("state.redb", &url)
        .exits_with(0)
        .says("2 cursor(s) copied, 0 there already");
    copy("state.redb", &url)
        .exits_with(0)
        .says("0 cursor(s) copied, 2 there already");
    // As if it had been interrupted after the first cursor.
    let delete = "DELETE FROM headwater_cursor WHERE partition = (SELECT max(partition) FROM headwater_cursor); \
                  DELETE FROM headwater_partition WHERE partition NOT IN (SELECT partition FROM headwater_cursor)";
    postgres.sql("headwater", delete);
    copy("state.redb", &url)
        .exits_with(0)
        .says("1 cursor(s) copied, 1 there already");
    let with_file = site.read("headwater.toml");
    let with_database = with_file.replace(
        "path = \"state.redb\"",
        "url = { env = \"HEADWATER_DATABASE_URL\" }",
    );
    site.write("headwater.toml", &with_database);
    let variables = [("HEADWATER_DATABASE_URL", url.as_str())];
    site.run_with(&variables, &["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), before, "it went on where it was");
    let listed = site.run_with(&variables, &["state", "list"]);
    listed.exits_with(0).says("contoso  subscriptions/");
    copy(&url, "back.redb").exits_with(0).says("2 cursor(s) copied");
    site.write("headwater.toml", &with_file.replace("state.redb", "back.redb"));
    site.run(&["run", "--once"]).exits_with(0);
    assert_eq!(site.read("contoso.ndjson"), before);
    // Both sides have gone on, and a person has to say which one counts.
    site.write("headwater.toml", &with_database);
    site.run_with(&variables, &["state", "reset", "--source", "contoso"])
        .exits_with(0)
        .says("2 cursor(s) deleted");
    site.run_with(&variables, &["run", "--once"]).exits_with(0);
    let refused = copy("state.redb", &url);
    refused
        .exits_with(2)
        .says("has another cursor at the destination");
    assert!(!refused.text().contains(PASSWORD), "the password was shown");
}
