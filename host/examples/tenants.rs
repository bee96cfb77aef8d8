//! Reads several sources in one process, and adds and removes one while the others are read: a line on standard input names
//! the file with the settings of a source to add, or, after a minus sign, one to remove. The end of the input stops all of
//! them.
//!
//!     cargo run -p headwater --features redb --example tenants -- azure_activity.wasm state.redb

#![allow(clippy::disallowed_methods, reason = "an example has nobody to hold up")]

use std::collections::HashMap;

use headwater::cursor::state_file::State;
use headwater::reading::Stopper;
use headwater::{Host, Plugin, Source};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinHandle;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [plugin, state] = &given[..] else {
        anyhow::bail!("usage: tenants PLUGIN STATE")
    };
    let host = Host::builder().cursors(State::open(state.as_ref())?).build()?;
    let plugin = host.load(plugin).await?;
    let mut running: HashMap<String, (Stopper, JoinHandle<()>)> = HashMap::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match line.strip_prefix('-') {
            Some(name) => {
                if let Some((stopper, reading)) = running.remove(name) {
                    // Its batch is finished first, and its cursor stays.
                    stopper.stop();
                    reading.await?;
                    eprintln!("removed {name}");
                }
            }
            None => match add(&plugin, &line).await {
                Ok(source) => {
                    let batches = source.batches();
                    let stopper = batches.stopper();
                    running.insert(line, (stopper, tokio::spawn(print(source, batches))));
                }
                // The others go on.
                Err(error) => eprintln!("{line}: {error:#}"),
            },
        }
    }
    for (_, (stopper, reading)) in running {
        stopper.stop();
        reading.await?;
    }
    Ok(())
}

async fn add(plugin: &Plugin, path: &str) -> anyhow::Result<Source> {
    let settings: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let name = settings["name"].as_str().unwrap_or_default();
    Ok(plugin
        .source(name)
        .config(settings["config"].clone())
        .allow(serde_json::from_value::<Vec<String>>(settings["allow"].clone())?)
        .build()
        .await?)
}

async fn print(source: Source, mut batches: headwater::reading::Batches) {
    while let Some(batch) = batches.next().await {
        for event in batch.events() {
            println!("{} {}", source.name(), event.body);
        }
        if let Err(error) = batch.ack().await {
            eprintln!("{}: {error}; the events will be read again", source.name());
        }
    }
}
