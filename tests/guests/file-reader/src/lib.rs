//! A source that opens a file, and therefore imports `wasi:filesystem`: a host that links no files refuses to load it.
#![cfg(target_family = "wasm")]
// The generated exports cross the component boundary through raw pointers.
#![allow(unsafe_code, missing_docs, missing_debug_implementations)]

wit_bindgen::generate!({ world: "log-source", path: "../../../wit" });

use exports::headwater::source::descriptor::{self, Manifest};
use exports::headwater::source::source::{self, Batch, Discovery, Error, Issue, Plan, Report, Request};
use exports::headwater::source::types::Fault;

struct FileReader;

export!(FileReader);

impl descriptor::Guest for FileReader {
    fn describe() -> Manifest {
        Manifest {
            name: "file-reader".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
            homepage: "https://example.com".into(),
            config_schema: "{}".into(),
            formats: vec!["none".into()],
            cursor_format: 1,
            default_interval: 1_000_000_000,
            minimum_interval: 1_000_000_000,
        }
    }
}

impl source::Guest for FileReader {
    fn validate(_config: String) -> Result<Plan, Vec<Issue>> {
        Ok(Plan {
            origins: vec![],
            warnings: vec![],
        })
    }

    fn discover(_config: String, _session: Option<Vec<u8>>) -> Result<Discovery, Error> {
        Err(refusal())
    }

    fn check(_config: String, _session: Option<Vec<u8>>, _partition: String) -> Result<Report, Error> {
        Err(refusal())
    }

    fn poll(_request: Request) -> Result<Batch, Error> {
        Err(refusal())
    }
}

fn refusal() -> Error {
    Error {
        fault: Fault::Broken,
        code: "files.never".into(),
        message: "nobody should get this far".into(),
        hint: None,
        retry_after: None,
        session: None,
    }
}
