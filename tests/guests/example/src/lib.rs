//! A source in under a hundred lines: a feed that answers `GET {url}?after=N` with a JSON array of
//! `{"number", "text"}`. It knows nothing of Azure; it is here to be read, and to test the host with.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use waki::Client;

wit_bindgen::generate!({ world: "log-source", path: "../../../wit" });

use exports::headwater::source::descriptor::{self, Manifest};
use exports::headwater::source::source::{
    self, Batch, Discovery, Error, Event, Issue, PartitionInfo, Plan, Progress, Report, Request,
};
use exports::headwater::source::types::Fault;

struct Feed;

export!(Feed);

impl descriptor::Guest for Feed {
    fn describe() -> Manifest {
        Manifest {
            name: "example-feed".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "A numbered feed over HTTP".into(),
            homepage: "https://example.com".into(),
            config_schema: json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object", "required": ["url"],
                "properties": { "url": { "type": "string", "title": "URL", "description": "Where the feed is" } }
            })
            .to_string(),
            formats: vec!["feed".into()],
            cursor_format: 1,
            default_interval: Duration::from_secs(60).as_nanos() as u64,
            minimum_interval: Duration::from_secs(1).as_nanos() as u64,
        }
    }
}

impl source::Guest for Feed {
    fn validate(config: String) -> Result<Plan, Vec<Issue>> {
        let url = url(&config).ok_or_else(|| {
            vec![Issue {
                pointer: "/url".into(),
                message: "give the feed's URL".into(),
            }]
        })?;
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Ok(Plan {
            origins: vec![origin],
            warnings: vec![],
        })
    }

    fn discover(_config: String, _session: Option<Vec<u8>>) -> Result<Discovery, Error> {
        let feed = PartitionInfo {
            id: "feed".into(),
            title: "The feed".into(),
            unavailable: None,
        };
        Ok(Discovery {
            partitions: vec![feed],
            session: None,
            measures: vec![],
        })
    }

    fn check(config: String, _session: Option<Vec<u8>>, _partition: String) -> Result<Report, Error> {
        let entries = fetch(&config, 0)?;
        Ok(Report {
            summary: format!("{} entries", entries.len()),
            warnings: vec![],
            session: None,
        })
    }

    fn poll(request: Request) -> Result<Batch, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos() as u64;
        let after = match &request.cursor {
            None => 0,
            Some(cursor) => std::str::from_utf8(cursor)
                .ok()
                .and_then(|text| text.strip_prefix("1 ")?.parse().ok())
                .ok_or_else(|| {
                    failure(
                        Fault::InvalidCursor,
                        "feed.cursor",
                        "the cursor is not of format 1",
                    )
                })?,
        };
        let mut entries = fetch(&request.config, after)?;
        let more = entries.len() > request.budget.max_events as usize;
        entries.truncate(request.budget.max_events as usize);
        let last = entries
            .last()
            .and_then(|entry| entry["number"].as_u64())
            .unwrap_or(after);
        let event = |entry: &Value| Event {
            id: entry["number"].to_string(),
            time: now,
            severity: 9,
            body: entry.to_string(),
        };
        Ok(Batch {
            events: entries.iter().map(event).collect(),
            rejected: vec![],
            cursor: format!("1 {last}").into_bytes(),
            session: None,
            next_in: more.then_some(0),
            progress: Progress {
                start: now,
                position: now,
                target: now,
                caught_up: !more,
            },
            measures: vec![],
        })
    }
}

fn url(config: &str) -> Option<String> {
    Some(
        serde_json::from_str::<Value>(config).ok()?["url"]
            .as_str()?
            .to_owned(),
    )
}

fn fetch(config: &str, after: u64) -> Result<Vec<Value>, Error> {
    let url =
        url(config).ok_or_else(|| failure(Fault::InvalidConfig, "feed.config", "the URL is missing"))?;
    let answer = Client::new().get(&format!("{url}?after={after}")).send();
    answer
        .and_then(|response| Ok(serde_json::from_slice(&response.body()?)?))
        .map_err(|error| failure(Fault::Retry, "feed.unreadable", &error.to_string()))
}

fn failure(fault: Fault, code: &str, message: &str) -> Error {
    Error {
        fault,
        code: code.into(),
        message: message.into(),
        hint: None,
        retry_after: None,
        session: None,
    }
}
