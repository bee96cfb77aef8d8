//! A database that is away, refuses, or has lost a cursor.

use std::time::Duration;

use super::{Cluster, HOSTS, LEASE, TENANTS};
use crate::invariants::EVERY_SOURCE_GOES_ON;
use crate::postgres::Postgres;
use crate::site::wait_until;
use crate::watched;

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_database_that_is_killed_for_a_while_loses_nothing() {
    let mut cluster = Cluster::new(Postgres::url);
    cluster.start_all();
    cluster.postgres.kill();
    std::thread::sleep(Duration::from_secs(15));
    cluster.postgres.start_again();
    cluster.wait_for_shares(EVERY_SOURCE_GOES_ON, |shares| shares == [20, 20, 20]);
    cluster.assert_invariants(TENANTS);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_database_that_is_stopped_and_started_again_under_load_loses_nothing() {
    let mut cluster = Cluster::new(Postgres::url);
    cluster.start_all();
    let load = |cluster: &Cluster, times: u32| {
        for _ in 0..times {
            cluster.something_happens();
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    load(&cluster, 3);
    cluster.postgres.stop();
    load(&cluster, 30);
    cluster.postgres.start_again();
    load(&cluster, 3);
    cluster.wait_for_shares(EVERY_SOURCE_GOES_ON, |shares| shares == [20, 20, 20]);
    cluster.wait_for_commits();
    cluster.assert_invariants(TENANTS);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn whatever_the_database_refuses_for_a_while_costs_time_and_no_event() {
    let mut cluster = Cluster::new(Postgres::url);
    cluster.start_all();
    let disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'headwater'";
    for (begin, end, words) in [
        (
            "ALTER ROLE headwater CONNECTION LIMIT 0",
            "ALTER ROLE headwater CONNECTION LIMIT -1",
            "takes no further connection",
        ),
        // As after the promotion of a replica: connections to the old primary stay, and are of no use.
        (
            "ALTER ROLE headwater SET default_transaction_read_only = on",
            "ALTER ROLE headwater RESET default_transaction_read_only",
            "is read-only",
        ),
    ] {
        cluster.postgres.sql("headwater", begin);
        cluster.postgres.sql("headwater", disconnect);
        cluster.something_happens();
        cluster.wait_for_problem(words);
        cluster.postgres.sql("headwater", end);
        cluster.wait_for_commits();
    }
    // For longer than the lease.
    let lock = "BEGIN; LOCK TABLE headwater_source; SELECT pg_sleep(100)";
    let mut holder = cluster.postgres.sql_meanwhile(lock);
    cluster.something_happens();
    cluster.wait_for_problem("holds a lock");
    std::thread::sleep(LEASE);
    let release = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' \
                   AND pid <> pg_backend_pid()";
    cluster.postgres.sql("headwater", release);
    let _ = holder.wait();
    cluster.wait_for_commits();
    cluster.wait_for_shares(EVERY_SOURCE_GOES_ON, |shares| shares == [20, 20, 20]);
    // Leases may end before they can be renewed, each time.
    cluster.assert_invariants(3 * TENANTS);
}

#[test]
#[ignore = "needs PostgreSQL, which .ci/run installs"]
fn a_cursor_that_is_deleted_under_stopped_hosts_is_reported_for_its_partition_alone() {
    let mut cluster = Cluster::new(Postgres::url);
    cluster.start_all();
    wait_until("all was read", || cluster.has_everything());
    (0..HOSTS).for_each(|host| {
        cluster.stop(host);
    });
    let before = cluster.deliveries();
    let delete = "DELETE FROM headwater_cursor WHERE (source, partition) = (SELECT source, partition FROM headwater_cursor \
                  ORDER BY source, partition LIMIT 1)";
    cluster.postgres.sql("headwater", delete);
    cluster.start(0);
    let address = cluster.hosts[0].address;
    wait_until("it is reported", || {
        let status = watched::body(address, "/status.json");
        status.contains("had a cursor and has none")
    });
    assert_eq!(
        cluster.deliveries(),
        before,
        "nothing was read as if for the first time"
    );
}
