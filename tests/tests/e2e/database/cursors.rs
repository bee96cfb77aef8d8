//! Cursors in a database: stored under the lease alone, and whatever becomes of them is reported.

use std::time::Duration;

use headwater::cursor::postgres::Change;
use headwater::cursor::{CursorStore, Position};

use super::{LEASE, at, commit, load, membership, names, open, reader, run, try_open};
use crate::invariants::{EVERY_SOURCE_GOES_ON, NO_COMMIT_WITHOUT_THE_LEASE};
use crate::postgres::Postgres;

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
