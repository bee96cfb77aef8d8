//! The attacks, one arm each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;
use waki::Client;

use crate::exports::headwater::source::source::{Batch, Error, Event, Progress};
use crate::exports::headwater::source::types::Fault;

/// A batch with one event whose text says how the attack went, where it returns at all.
pub fn run(name: &str, url: &str) -> Result<Batch, Error> {
    match name {
        "endless-loop" => loop {
            black_box(());
        },
        "endless-host-calls" => loop {
            black_box(Instant::now());
        },
        "sleep" => {
            std::thread::sleep(Duration::from_secs(3600));
            Ok(batch(vec![]))
        }
        "memory-bomb" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                black_box(&hoard);
            }
        }
        "trap" => panic!("as intended"),
        "handle-leak" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(Client::new().get(url).send());
            }
        }
        "giant-event" => Ok(batch(vec![event(
            "giant",
            json!({ "text": "x".repeat(30 << 20) }).to_string(),
        )])),
        "million-events" => Ok(batch(
            (0..1_000_000)
                .map(|number| event(&number.to_string(), "{}".to_owned()))
                .collect(),
        )),
        "giant-stderr" => {
            for _ in 0..100_000 {
                eprintln!("info {}", "noise ".repeat(100));
            }
            Ok(batch(vec![event("after-noise", "{}".to_owned())]))
        }
        "escape-stderr" => {
            eprintln!("warn \u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m cleared");
            Ok(batch(vec![event("after-escapes", "{}".to_owned())]))
        }
        "fetch" => Ok(batch(vec![event("fetched", fetch(url))])),
        "invalid-body" => Ok(batch(vec![
            event("good", "{}".to_owned()),
            event("bad", "{\"open\": ".to_owned()),
        ])),
        "two-lines" => Ok(batch(vec![event(
            "folded",
            "{\n  \"text\": \"one\"\n}".to_owned(),
        )])),
        "empty-id" => Ok(batch(vec![event("", "{}".to_owned())])),
        "oversized-cursor" => {
            let mut batch = batch(vec![event("unsafe", "{}".to_owned())]);
            batch.cursor = vec![b'1'; 2 << 20];
            Ok(batch)
        }
        "large-cursor" => {
            let mut batch = batch(vec![event("kept", "{}".to_owned())]);
            batch.cursor = [b"1 ".as_slice(), &[b'x'; 1_000_000]].concat();
            Ok(batch)
        }
        "unversioned-cursor" => {
            let mut batch = batch(vec![event("unsafe", "{}".to_owned())]);
            batch.cursor = vec![0xff, 0xfe];
            Ok(batch)
        }
        "environment" => {
            let seen = json!({
                "variables": std::env::vars().count(),
                "arguments": std::env::args().count(),
                "stdin": std::io::read_to_string(std::io::stdin()).unwrap_or_default(),
            });
            Ok(batch(vec![event("seen", seen.to_string())]))
        }
        _ => Err(Error {
            fault: Fault::InvalidConfig,
            code: "hostile.unknown".into(),
            message: format!("no attack is named {name:?}"),
            hint: None,
            retry_after: None,
            session: None,
        }),
    }
}

/// What came of a request, as JSON text.
fn fetch(url: &str) -> String {
    let outcome = Client::new().get(url).send().and_then(|response| {
        let status = response.status_code();
        Ok((status, response.body()?.len()))
    });
    match outcome {
        Ok((status, bytes)) => json!({ "status": status, "bytes": bytes }).to_string(),
        Err(error) => json!({ "refused": error.to_string() }).to_string(),
    }
}

fn event(id: &str, body: String) -> Event {
    Event {
        id: id.to_owned(),
        time: 1_700_000_000_000_000_000,
        severity: 9,
        body,
    }
}

fn batch(events: Vec<Event>) -> Batch {
    Batch {
        events,
        rejected: vec![],
        cursor: b"1 done".to_vec(),
        session: None,
        next_in: None,
        progress: Progress {
            start: 0,
            position: 1,
            target: 1,
            caught_up: true,
        },
        measures: vec![],
    }
}
