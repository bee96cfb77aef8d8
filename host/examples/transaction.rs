//! Keeps events and cursors in one SQLite database, and stores a batch and its cursor in one transaction: each event is there
//! exactly once, whenever the program is killed.
//!
//!     cargo run -p headwater --example transaction -- azure_activity.wasm settings.json events.sqlite

#![allow(clippy::disallowed_methods, reason = "an example has nobody to hold up")]

use std::sync::{Arc, Mutex, MutexGuard};

use headwater::Host;
use headwater::cursor::{Commit, CursorStore, Position, StoreError};
use headwater::model::Event;
use headwater::plugin::{CachePlace, CompileSettings};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

/// The database, and the events that the next commit stores together with its cursor.
#[derive(Clone)]
struct Database(Arc<Mutex<(Connection, Vec<Event>)>>);

impl Database {
    fn open(path: &str) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS event (partition TEXT, id TEXT, body TEXT, PRIMARY KEY (partition, id));
             CREATE TABLE IF NOT EXISTS cursor (source TEXT, partition TEXT, cursor BLOB, PRIMARY KEY (source, partition));",
        )?;
        Ok(Self(Arc::new(Mutex::new((connection, Vec::new())))))
    }

    fn lock(&self) -> Result<MutexGuard<'_, (Connection, Vec<Event>)>, StoreError> {
        self.0
            .lock()
            .map_err(|_| StoreError::new("a thread has panicked over the database"))
    }
}

impl CursorStore for Database {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        let query = "SELECT cursor FROM cursor WHERE source = ?1 AND partition = ?2";
        let found = self
            .lock()?
            .0
            .query_row(query, params![source, partition], |row| row.get(0));
        let cursor: Option<Vec<u8>> = found.optional().map_err(StoreError::new)?;
        Ok(cursor.map_or(Position::NeverRead, Position::At))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let (connection, events) = &mut *self.lock()?;
        let Commit {
            source,
            partition,
            cursor,
            ..
        } = commit;
        let mut store = || {
            let transaction = connection.transaction()?;
            for event in &*events {
                // A batch that is delivered again after a kill brings what is there already.
                let insert = "INSERT OR IGNORE INTO event VALUES (?1, ?2, ?3)";
                transaction.execute(insert, params![partition, event.id, event.body])?;
            }
            let insert = "INSERT OR REPLACE INTO cursor VALUES (?1, ?2, ?3)";
            transaction.execute(insert, params![source, partition, cursor])?;
            transaction.commit()
        };
        store().map_err(StoreError::new)?;
        events.clear();
        Ok(())
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let database = self.lock()?;
        let query = "SELECT partition FROM cursor WHERE source = ?1";
        let mut statement = database.0.prepare(query).map_err(StoreError::new)?;
        let rows = statement
            .query_map(params![source], |row| row.get(0))
            .map_err(StoreError::new)?;
        rows.collect::<Result<_, _>>().map_err(StoreError::new)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [plugin, settings, path] = &given[..] else {
        anyhow::bail!("usage: transaction PLUGIN SETTINGS DATABASE")
    };
    let settings: Value = serde_json::from_slice(&std::fs::read(settings)?)?;
    let database = Database::open(path)?;
    // It is killed and started again: compiled plugins are kept for the next start.
    let compile = CompileSettings {
        cache: CachePlace::Usual,
        ..CompileSettings::default()
    };
    let host = Host::builder()
        .cursors(database.clone())
        .compile(compile)
        .build()?;
    let source = host
        .load(plugin)
        .await?
        .source("example")
        .config(settings["config"].clone())
        .allow(serde_json::from_value::<Vec<String>>(settings["allow"].clone())?)
        .build()
        .await?;
    let mut batches = source.batches_until_caught_up();
    while let Some(batch) = batches.next().await {
        // One batch at a time, so these are the events of the cursor that is committed next.
        database.lock()?.1 = batch.events().to_vec();
        batch.ack().await?;
    }
    match batches.outcome().and_then(|outcome| outcome.failed.first()) {
        Some((_, failure)) => Err(failure.clone().into()),
        None => Ok(()),
    }
}
