//! How many instructions of WebAssembly an event costs: a figure that no busy machine changes.

use std::collections::BTreeMap;
use std::time::Duration;

use azure_activity::format::Format;
use serde_json::json;
use wasmtime::component::Val;
use wasmtime_wasi_http::WasiBody;

use crate::artifacts::workspace;
use crate::bare::{Answers, Bare, request, text, token, whole};
use crate::pages;
use crate::support::{BATCH_BYTES, PARTITION};

/// What is kept in the repository: instructions of an event, by format and page.
const KEPT: &str = "fixtures/bench/instructions.json";

/// More or less than this, in percent, is a change that somebody has to mean.
const TOLERANCE: u64 = 3;

struct Page(Vec<u8>);

impl Answers for Page {
    fn answer(&self, is_login: bool) -> Option<WasiBody> {
        Some(if is_login { token() } else { whole(self.0.clone()) })
    }
}

#[test]
fn an_event_costs_the_instructions_that_it_did() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bare = Bare::new();
    let pages = [
        ("role-assignments", pages::role_assignments()),
        ("varied", pages::varied(0)),
        ("mixed", pages::mixed()),
    ];
    let mut found: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for format in Format::ALL {
        for (name, page) in &pages {
            let config = json!({
                "tenant_id": "11111111-1111-1111-1111-111111111111",
                "client_id": "22222222-2222-2222-2222-222222222222",
                "client_secret": "example",
                "tenant_log": true,
                "format": format.name(),
            });
            let patience = Duration::from_secs(300);
            let request = request(
                text(&config.to_string()),
                text(PARTITION),
                pages::RECORDS as u32,
                BATCH_BYTES,
                patience,
            );
            let polled = runtime.block_on(bare.call(Page(page.clone()), "poll", vec![request]));
            let events = events(&polled.result);
            assert!(events > 0, "{} {name}: {:?}", format.name(), polled.result);
            let each = polled.instructions / events;
            found
                .entry(format.name().to_owned())
                .or_default()
                .insert(name, each);
        }
    }
    let kept = std::fs::read_to_string(workspace().join(KEPT)).unwrap_or_default();
    let kept: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_str(&kept).unwrap_or_default();
    let differing: Vec<String> = found
        .iter()
        .flat_map(|(format, pages)| pages.iter().map(move |(page, found)| (format, page, *found)))
        .filter_map(|(format, page, found)| {
            let kept = kept.get(format).and_then(|pages| pages.get(*page)).copied();
            let is_kept = kept.is_some_and(|kept| kept.abs_diff(found) * 100 <= kept * TOLERANCE);
            (!is_kept).then(|| format!("{format}, {page}: {found}, and {kept:?} is kept"))
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{differing:#?}\nif that is meant, write into {KEPT}:\n{}",
        serde_json::to_string_pretty(&found).expect("it is JSON")
    );
}

/// How many events a batch holds; none if the poll failed.
fn events(polled: &Val) -> u64 {
    let Val::Result(Ok(Some(batch))) = polled else {
        return 0;
    };
    let Val::Record(members) = batch.as_ref() else {
        return 0;
    };
    let events = members.iter().find(|(name, _)| name == "events");
    match events {
        Some((_, Val::List(events))) => events.len() as u64,
        _ => 0,
    }
}
