//! PostgreSQL as a place for cursors, by the library: what its tests share.

mod cursors;
mod leases;
mod letters;
mod moves;
mod refusals;

use std::time::Duration;

use headwater::cursor::postgres::{Address, Change, Member, Membership, PostgresError, PostgresStore};
use headwater::cursor::{Commit, CursorStore, Position};
use headwater::secret::SecretText;

use crate::site::Site;

/// The lease of hosts in these tests.
const LEASE: Duration = Duration::from_secs(3);
/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The variable that hosts read the address of their database from.
pub const URL_VARIABLE: &str = "HEADWATER_DATABASE_URL";

/// Has the host of a folder keep its state in the database that [`URL_VARIABLE`] names. `further` are the lines behind that.
pub fn use_database(site: &Site, further: &str) {
    let state = format!("url = {{ env = \"{URL_VARIABLE}\" }}\n{further}");
    let configuration = site.read("headwater.toml");
    site.write(
        "headwater.toml",
        &configuration.replace("path = \"state.redb\"\n", &state),
    );
}

pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}

pub async fn try_open(url: &str, patience: Duration) -> Result<PostgresStore, PostgresError> {
    PostgresStore::open(Address::new(SecretText::written(url)), "default", patience).await
}

pub async fn open(url: &str) -> PostgresStore {
    try_open(url, Duration::from_secs(20))
        .await
        .expect("the database can be used")
}

pub fn membership(name: &str, sources: &[String], lease: Duration) -> Membership {
    Membership {
        name: name.to_owned(),
        lease,
        sources: sources.to_vec(),
        configuration: "one".to_owned(),
    }
}

pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("tenant-{number}")).collect()
}

/// A host that has this source.
pub async fn reader(url: &str, source: &str) -> (PostgresStore, Member) {
    let store = open(url).await;
    let mut member = store.join(membership(
        "reader",
        &[source.to_owned()],
        Duration::from_secs(60),
    ));
    assert_eq!(member.next().await, Some(Change::Claimed(source.to_owned())));
    (store, member)
}

pub async fn commit(store: &PostgresStore, cursor: &str) -> Result<(), String> {
    let commit = Commit::new("contoso", "p", "plugin 1.0.0", cursor.as_bytes());
    store.commit(commit).await.map_err(|error| error.to_string())
}

pub async fn load(store: &PostgresStore) -> Result<Position, String> {
    store
        .load("contoso", "p")
        .await
        .map_err(|error| error.to_string())
}

pub fn at(cursor: &str) -> Result<Position, String> {
    Ok(Position::At(cursor.into()))
}
