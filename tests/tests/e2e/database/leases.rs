//! Leases: hosts share fairly, and take over from the dead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headwater::cursor::postgres::{Change, Control, PostgresStore};

use super::{LEASE, PATIENCE, at, commit, load, membership, names, open, reader, run};
use crate::invariants::EVERY_SOURCE_GOES_ON;
use crate::postgres::{Pooler, Postgres};

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
