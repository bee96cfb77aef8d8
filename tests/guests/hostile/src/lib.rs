//! A source that attacks its host: `{"attack": "<name>"}` picks how, `{"url": …}` where to, and `{"during": …}` in
//! which function (`poll` when left out). The tests hold one tenant of it beside honest ones.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

mod attack;

use serde_json::{Value, json};

wit_bindgen::generate!({ world: "log-source", path: "../../../wit" });

use exports::headwater::source::descriptor::{self, Manifest};
use exports::headwater::source::source::{
    self, Batch, Discovery, Error, Issue, PartitionInfo, Plan, Report, Request,
};

struct Hostile;

export!(Hostile);

impl descriptor::Guest for Hostile {
    fn describe() -> Manifest {
        Manifest {
            name: "hostile".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Attacks its host".into(),
            homepage: "https://example.com".into(),
            config_schema: json!({
                "type": "object",
                "properties": { "attack": { "type": "string" }, "url": { "type": "string" } }
            })
            .to_string(),
            formats: vec!["none".into()],
            cursor_format: 1,
            default_interval: 60_000_000_000,
            minimum_interval: 1_000_000_000,
        }
    }
}

impl source::Guest for Hostile {
    fn validate(config: String) -> Result<Plan, Vec<Issue>> {
        let config = parse(&config);
        let origins = config["origins"].as_array().cloned().unwrap_or_default();
        let origins = origins
            .iter()
            .filter_map(|origin| Some(origin.as_str()?.to_owned()))
            .collect();
        Ok(Plan {
            origins,
            warnings: vec![],
        })
    }

    fn discover(_config: String, _session: Option<Vec<u8>>) -> Result<Discovery, Error> {
        let only = PartitionInfo {
            id: "only".into(),
            title: "Only".into(),
            unavailable: None,
        };
        Ok(Discovery {
            partitions: vec![only],
            session: None,
            measures: vec![],
        })
    }

    fn check(_config: String, _session: Option<Vec<u8>>, _partition: String) -> Result<Report, Error> {
        Ok(Report {
            summary: "harmless".into(),
            warnings: vec![],
            session: None,
        })
    }

    fn poll(request: Request) -> Result<Batch, Error> {
        let config = parse(&request.config);
        attack::run(config["attack"].as_str().unwrap_or_default(), &config)
    }
}

fn parse(config: &str) -> Value {
    serde_json::from_str(config).unwrap_or_default()
}
