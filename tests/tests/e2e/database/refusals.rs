//! Databases that are of no use, and tables that are old or somebody else's.

use std::time::Duration;

use headwater::cursor::postgres::schema_sql;

use super::{PATIENCE, URL_VARIABLE, commit, open, reader, run, try_open, use_database};
use crate::postgres::{PASSWORD, Postgres};
use crate::site::{Site, Source};

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
    use_database(&site, "");
    for arguments in [
        &["run"][..],
        &["run", "--once"],
        &["state", "list"],
        &["state", "export", "--source", "contoso"],
        &["dead-letter", "list"],
        &["dead-letter", "replay"],
    ] {
        let variables = [(URL_VARIABLE, url.as_str()), ("RUST_LOG", "trace")];
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
