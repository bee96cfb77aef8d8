//! A source in under a hundred lines: a feed that answers `GET {url}?after=N` with a JSON array of `{"number", "text"}`.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

use exports::headwater::source::{descriptor, source::*, types::Fault, types::SessionChange};
use serde_json::Value;

wit_bindgen::generate!({
    world: "source-exports",
    path: "../../../wit",
    // So that `..Default::default()` stands for everything that is empty.
    additional_derives: [Default],
    additional_derives_ignore: [
        "fault", "error", "measure-kind", "measure", "session-change", "discovery", "report", "batch",
    ],
});

const SECOND: u64 = 1_000_000_000; // in nanoseconds, which is how the contract counts
const SCHEMA: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["url"],
    "properties": {"url": {"type": "string", "title": "URL", "description": "Where the feed is."}}}"#;
struct Feed;
export!(Feed);

impl descriptor::Guest for Feed {
    fn describe() -> descriptor::Manifest {
        descriptor::Manifest {
            name: "example-feed".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "A numbered feed over HTTP".into(),
            homepage: "https://example.com".into(),
            config_schema: SCHEMA.into(),
            formats: vec!["feed".into()],
            cursor_format: 1,
            default_interval: 60 * SECOND,
            minimum_interval: SECOND,
        }
    }
}

impl Guest for Feed {
    fn validate(config: String) -> Result<Plan, Vec<Issue>> {
        let (pointer, message) = ("/url".into(), "give the feed's URL".into());
        let url = url(&config).ok_or_else(|| vec![Issue { pointer, message }])?;
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Ok(Plan { origins: vec![origin], ..Default::default() })
    }

    fn discover(config: String, _session: Option<Vec<u8>>, _deadline: u64) -> Result<Discovery, Error> {
        let id = url(&config).unwrap_or_default();
        let feed = PartitionInfo { id, title: "The feed".into(), ..Default::default() };
        Ok(Discovery { partitions: vec![feed], session: SessionChange::Keep, measures: vec![] })
    }

    fn poll(request: Request) -> Result<Batch, Error> {
        let mut last = position(request.cursor)?;
        let entries = fetch(&request.config, last)?;
        let (mut events, mut bytes) = (Vec::new(), 0);
        for entry in &entries {
            let body = entry.to_string();
            bytes += body.len() as u64;
            let full = events.len() as u32 >= request.budget.max_events || bytes > request.budget.max_bytes;
            if full && !events.is_empty() {
                break;
            }
            let number = entry["number"].as_u64();
            last = number.ok_or_else(|| failure(Fault::Broken, "feed.entry", "an entry has no number"))?;
            events.push(Event { id: last.to_string(), severity: 9, body, ..Default::default() });
        }
        let caught_up = events.len() == entries.len();
        let (cursor, next_in) = (format!("1 {last}").into_bytes(), (!caught_up).then_some(0));
        let (session, rejected, measures) = (SessionChange::Keep, vec![], vec![]);
        Ok(Batch { events, rejected, cursor, session, next_in, caught_up, progress: None, measures })
    }

    fn check(
        config: String,
        _session: Option<Vec<u8>>,
        _id: String,
        _deadline: u64,
    ) -> Result<Report, Error> {
        let summary = format!("{} entries", fetch(&config, 0)?.len());
        Ok(Report { summary, warnings: vec![], session: SessionChange::Keep })
    }
}

fn fetch(config: &str, after: u64) -> Result<Vec<Value>, Error> {
    let url = url(config).ok_or_else(|| failure(Fault::InvalidConfig, "feed.config", "no URL is given"))?;
    let answer = waki::Client::new().get(&format!("{url}?after={after}")).send();
    let entries = answer.and_then(|answer| Ok(serde_json::from_slice(&answer.body()?)?));
    entries.map_err(|error| failure(Fault::Retry, "feed.unreadable", &error.to_string()))
}

fn url(config: &str) -> Option<String> {
    Some(serde_json::from_str::<Value>(config).ok()?["url"].as_str()?.to_owned())
}

fn position(cursor: Option<Vec<u8>>) -> Result<u64, Error> {
    let Some(cursor) = cursor else { return Ok(0) };
    let number = String::from_utf8(cursor).ok().and_then(|text| text.strip_prefix("1 ")?.parse().ok());
    number.ok_or_else(|| failure(Fault::InvalidCursor, "feed.cursor", "the cursor is not of format 1"))
}

fn failure(fault: Fault, code: &str, message: &str) -> Error {
    let (code, message) = (code.into(), message.into());
    Error {
        fault,
        code,
        message,
        hint: None,
        retry_after: None,
        session: SessionChange::Keep,
        measures: vec![],
    }
}
