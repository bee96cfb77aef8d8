//! Reads a source to its end, with a cursor store of its own: a JSON file. Events go to standard output.
//!
//!     cargo run -p headwater --example pull -- azure_activity.wasm settings.json cursors.json
//!
//! `settings.json` holds `{"allow": [origins], "config": {the source's configuration}}`.

#![allow(clippy::disallowed_methods, reason = "an example has nobody to hold up")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use headwater::Host;
use headwater::cursor::{Commit, CursorStore, Position, StoreError};
use serde_json::Value;

/// Cursors by source and partition, written to a file before a commit returns.
struct JsonFile {
    path: PathBuf,
    cursors: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl CursorStore for JsonFile {
    async fn load(&self, source: &str, partition: &str) -> Result<Position, StoreError> {
        let cursors = self.cursors.lock().map_err(|_| StoreError::new("poisoned"))?;
        let cursor = cursors.get(&format!("{source}/{partition}")).cloned();
        Ok(cursor.map_or(Position::NeverRead, Position::At))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        let mut cursors = self.cursors.lock().map_err(|_| StoreError::new("poisoned"))?;
        cursors.insert(
            format!("{}/{}", commit.source, commit.partition),
            commit.cursor.to_vec(),
        );
        let text = serde_json::to_vec(&*cursors).map_err(StoreError::new)?;
        let new = self.path.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &self.path))
            .map_err(StoreError::new)
    }

    async fn partitions(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let cursors = self.cursors.lock().map_err(|_| StoreError::new("poisoned"))?;
        let own = cursors
            .keys()
            .filter_map(|key| key.strip_prefix(&format!("{source}/")));
        Ok(own.map(str::to_owned).collect())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let [plugin, settings, path] = arguments()?;
    let settings: Value = serde_json::from_slice(&std::fs::read(settings)?)?;
    let known = std::fs::read(&path)
        .ok()
        .map(|text| serde_json::from_slice(&text))
        .transpose()?;
    let store = JsonFile {
        path: path.into(),
        cursors: Mutex::new(known.unwrap_or_default()),
    };
    let host = Host::builder().cursors(store).build()?;
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
        batch.events().iter().for_each(|event| println!("{}", event.body));
        batch
            .rejected()
            .iter()
            .for_each(|item| eprintln!("rejected: {}", item.reason));
        batch.ack().await?;
    }
    match batches.outcome().and_then(|outcome| outcome.failed.first()) {
        Some((_, failure)) => Err(failure.clone().into()),
        None => Ok(()),
    }
}

fn arguments() -> anyhow::Result<[String; 3]> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    given
        .try_into()
        .map_err(|_| anyhow::anyhow!("usage: pull PLUGIN SETTINGS CURSORS"))
}
