//! A feed of sixty numbers that keeps the contract, but for one defect: each name below breaks one promise, and `none`
//! breaks none.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::exports::headwater::source::source::{Batch, Error, Event, Issue, Progress, Request};
use crate::exports::headwater::source::types::{Fault, SessionChange};

/// Numbers in the feed.
const LENGTH: u64 = 60;

/// What `remembers` keeps between calls, as long as the instance lives.
static REMEMBERED: AtomicU64 = AtomicU64::new(0);

/// `judges-by-the-clock`: another answer at every moment.
pub fn warnings(config: &Value) -> Vec<Issue> {
    if config["defect"] != "judges-by-the-clock" {
        return vec![];
    }
    vec![Issue {
        pointer: String::new(),
        message: format!("it is {:?}", SystemTime::now()),
    }]
}

/// The next numbers.
pub fn poll(defect: &str, request: &Request, config: &Value) -> Result<Batch, Error> {
    // Not a defect: whatever a test makes of an honest source, for as long as it likes.
    match config["fault"].as_str() {
        Some("denied") => return Err(error(Fault::Denied, "feed.denied")),
        Some("invalid-config") => return Err(error(Fault::InvalidConfig, "feed.config")),
        Some("invalid-cursor") => return Err(error(Fault::InvalidCursor, "feed.cursor")),
        Some("broken") => return Err(error(Fault::Broken, "feed.broken")),
        _ => {}
    }
    let position = match &request.cursor {
        None => 0,
        Some(cursor) => match number(cursor) {
            Some(position) => position,
            None if defect == "restarts" => 0,
            None => return Err(error(Fault::InvalidCursor, "feed.cursor")),
        },
    };
    let position = match defect {
        "remembers" => position.max(REMEMBERED.load(Ordering::Relaxed)),
        "reads-by-session" => request.session.as_deref().and_then(number).unwrap_or(position),
        "fails-at-the-end" if position == LENGTH => return Err(error(Fault::Retry, "feed.empty")),
        "shouts" => return Err(error(Fault::Retry, "Feed Broken!")),
        _ => position,
    };
    let room = match defect {
        "ignores-its-budget" => LENGTH,
        _ if request.budget.max_bytes < 100 => 1,
        _ => u64::from(request.budget.max_events),
    };
    let end = position.saturating_add(room).min(LENGTH);
    if let Some(url) = config["url"].as_str() {
        match crate::hoard::ask(url, request.budget.deadline / 2, defect == "waits-for-ever") {
            Some(200) => {}
            _ if defect == "swallows-failures" => return Ok(batch(vec![], end, end)),
            Some(_) if defect == "takes-refusals-for-the-end" => return Ok(batch(vec![], LENGTH, LENGTH)),
            Some(429) => {
                let mut error = error(Fault::Retry, "feed.throttled");
                error.retry_after = Some(17_000_000_000);
                return Err(error);
            }
            _ => return Err(error(Fault::Retry, "feed.unreachable")),
        }
    }
    REMEMBERED.store(end, Ordering::Relaxed);
    let events = (position + 1..=end)
        .map(|number| event(number, defect, config))
        .collect();
    let covered = match defect {
        "repeats" => end.saturating_sub(1),
        "forgets" if end < LENGTH => end + 1,
        _ => end,
    };
    Ok(batch(events, end, covered))
}

fn event(number: u64, defect: &str, config: &Value) -> Event {
    let body = match defect {
        "leaks" => json!({ "number": number, "login": config["secret"] }),
        "rolls-dice" => json!({ "number": number, "dice": RandomState::new().hash_one(number) }),
        _ => json!({ "number": number }),
    };
    Event {
        id: match defect {
            "shares-ids" => (number % 7).to_string(),
            _ => number.to_string(),
        },
        time: Some(number),
        severity: 9,
        attributes: vec![],
        body: body.to_string(),
    }
}

fn batch(events: Vec<Event>, end: u64, covered: u64) -> Batch {
    let caught_up = end == LENGTH;
    Batch {
        events,
        rejected: vec![],
        cursor: format!("1 {covered}").into_bytes(),
        session: SessionChange::Replace(format!("1 {end}").into_bytes()),
        next_in: (!caught_up).then_some(0),
        caught_up,
        progress: Some(Progress {
            start: 0,
            position: end,
            target: LENGTH,
        }),
        measures: vec![],
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.strip_prefix("1 ")?.parse().ok()
}

fn error(fault: Fault, code: &str) -> Error {
    Error {
        fault,
        code: code.into(),
        message: "the feed cannot be read".into(),
        hint: None,
        retry_after: None,
        session: SessionChange::Keep,
        measures: vec![],
    }
}
