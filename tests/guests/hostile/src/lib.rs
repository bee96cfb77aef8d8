//! A source that attacks its host: `{"attack": "<name>"}` picks how, and `{"url": …}` where to. The tests hold one tenant
//! of it beside honest ones. With `{"defect": "<name>"}` it is an honest feed that breaks one rule of the contract.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

mod attack;
mod defect;
mod hoard;

use serde_json::{Value, json};

wit_bindgen::generate!({ world: "source-exports", path: "../../../wit" });

use exports::headwater::source::descriptor::{self, Manifest};
use exports::headwater::source::source::{
    self, Batch, Discovery, Error, Issue, PartitionInfo, Plan, Report, Request,
};
use exports::headwater::source::types::SessionChange;

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
        match config["judges"].as_str() {
            Some("never") => loop {
                std::hint::spin_loop();
            },
            Some("late") => std::thread::sleep(std::time::Duration::from_secs(3600)),
            Some("badly") => panic!("no judgement"),
            Some("at length") => {
                let issue = |number: usize| Issue {
                    pointer: format!("/key-{number}"),
                    message: "wrong".repeat(200),
                };
                return Err((0..2_000).map(issue).collect());
            }
            _ => {}
        }
        let origins = config["origins"].as_array().cloned().unwrap_or_default();
        let origins = origins
            .iter()
            .filter_map(|origin| Some(origin.as_str()?.to_owned()))
            .collect();
        Ok(Plan {
            origins,
            warnings: defect::warnings(&config),
        })
    }

    fn discover(config: String, _: Option<Vec<u8>>, _: u64) -> Result<Discovery, Error> {
        let config = parse(&config);
        let names = config["partitions"].as_array().cloned();
        let names = names.unwrap_or_else(|| vec!["only".into()]);
        let partition = |name: &Value| PartitionInfo {
            id: name.as_str().unwrap_or_default().into(),
            formerly: vec![],
            title: config["title"].as_str().unwrap_or("Numbers").into(),
            attributes: vec![],
            unavailable: None,
        };
        Ok(Discovery {
            partitions: names.iter().map(partition).collect(),
            session: SessionChange::Keep,
            measures: vec![],
        })
    }

    fn check(_: String, _: Option<Vec<u8>>, _: String, _: u64) -> Result<Report, Error> {
        Ok(Report {
            summary: "harmless".into(),
            warnings: vec![],
            session: SessionChange::Keep,
        })
    }

    fn poll(request: Request) -> Result<Batch, Error> {
        let config = parse(&request.config);
        if let Some(defect) = config["defect"].as_str() {
            return defect::poll(defect, &request, &config);
        }
        attack::run(config["attack"].as_str().unwrap_or_default(), &config)
    }
}

fn parse(config: &str) -> Value {
    serde_json::from_str(config).unwrap_or_default()
}
