//! A fake Azure with something to read.

use chrono::Utc;
pub use fake_azure::scenario::served::*;
use fake_azure::{Azure, Script, Server};

/// Serves with a script of failures, see `tests/README.md`.
pub fn serve_with_faults(mut azure: Azure, script: &str) -> Server {
    azure.play(Script::parse(script).expect("the script is readable"));
    serve(azure)
}

/// Every id that the server would show now, sorted.
pub fn visible_ids(server: &Server) -> Vec<String> {
    let mut ids: Vec<String> = server
        .azure()
        .ids(Utc::now())
        .into_values()
        .flat_map(|ids| ids.visible)
        .collect();
    ids.sort();
    ids
}
