//! What a poll brought, checked before anybody downstream sees it. A plugin is not trusted to keep the contract.

use std::time::Duration;

use serde::de::IgnoredAny;

use crate::bindings::exports::headwater::source::source as wit;
use crate::bindings::exports::headwater::source::types::Measure;
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, Fault};
use crate::scrub::Scrubber;

/// The contract's bound for a cursor.
const LARGEST_CURSOR: usize = 1 << 20;
/// The largest SeverityNumber of OpenTelemetry.
pub(crate) const HIGHEST_SEVERITY: u8 = 24;

/// One record, ready for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The upstream's identity of the record.
    pub id: String,
    /// When it happened, in nanoseconds since 1970.
    pub time: u64,
    /// OpenTelemetry SeverityNumber; 0 when unknown.
    pub severity: u8,
    /// One JSON object on one line.
    pub body: String,
}

/// A batch that keeps the contract.
#[derive(Debug)]
pub struct Batch {
    /// For the sink.
    pub events: Vec<Event>,
    /// For the dead-letter file.
    pub rejected: Vec<DeadLetter>,
    /// To be stored once both have been kept.
    pub cursor: Vec<u8>,
    /// When the plugin wants to be called again; none leaves it to the interval.
    pub next_in: Option<Duration>,
    /// How far reading has come.
    pub progress: wit::Progress,
    /// Numbers for metrics.
    pub measures: Vec<Measure>,
}

impl Batch {
    /// Checks a batch. What breaks the contract becomes a rejected item where an item is at fault; where the cursor is,
    /// the whole batch is refused, because it could not be stored.
    pub fn check(batch: wit::Batch, scrubber: &Scrubber) -> Result<Self, Failure> {
        check_cursor(&batch.cursor)?;
        let mut rejected: Vec<DeadLetter> = batch
            .rejected
            .into_iter()
            .map(|item| DeadLetter {
                id: item.id,
                reason: scrubber.clean(&item.reason),
                raw: item.raw,
            })
            .collect();
        let mut events = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            match check_event(event) {
                Ok(event) => events.push(event),
                Err(item) => rejected.push(item),
            }
        }
        Ok(Self {
            events,
            rejected,
            cursor: batch.cursor,
            next_in: batch.next_in.map(Duration::from_nanos),
            progress: batch.progress,
            measures: batch.measures,
        })
    }
}

fn check_cursor(cursor: &[u8]) -> Result<(), Failure> {
    match cursor_problem(cursor) {
        None => Ok(()),
        Some(problem) => Err(Failure::host(
            Fault::Broken,
            "cursor",
            format_args!("the plugin returned {problem}; nothing was stored"),
        )
        .with_hint("this is a defect of the plugin; report it")),
    }
}

/// What keeps a cursor from being stored, if anything does.
pub(crate) fn cursor_problem(cursor: &[u8]) -> Option<String> {
    let digits = cursor.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if cursor.len() > LARGEST_CURSOR {
        Some(format!(
            "a cursor of {} bytes; at most {LARGEST_CURSOR} are allowed",
            cursor.len()
        ))
    } else if digits == 0 || cursor.get(digits) != Some(&b' ') {
        Some("a cursor without a format version in front".to_owned())
    } else {
        None
    }
}

fn check_event(event: wit::Event) -> Result<Event, DeadLetter> {
    let wit::Event {
        id,
        time,
        severity,
        body,
    } = event;
    let problem = if id.is_empty() {
        Some("the plugin gave the event no id")
    } else if !body.trim_start().starts_with('{') {
        Some("the plugin's event is no JSON object")
    } else if serde_json::from_str::<IgnoredAny>(&body).is_err() {
        Some("the plugin's event is invalid JSON")
    } else {
        None
    };
    if let Some(problem) = problem {
        let id = (!id.is_empty()).then_some(id);
        return Err(DeadLetter {
            id,
            reason: problem.to_owned(),
            raw: body.into_bytes(),
        });
    }
    let severity = if severity > HIGHEST_SEVERITY { 0 } else { severity };
    Ok(Event {
        id,
        time,
        severity,
        body: on_one_line(body),
    })
}

/// A raw line end in valid JSON stands between two tokens, where a blank does as well.
fn on_one_line(body: String) -> String {
    if body.contains(['\n', '\r']) {
        body.replace(['\n', '\r'], " ")
    } else {
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, body: &str) -> wit::Event {
        wit::Event {
            id: id.to_owned(),
            time: 1,
            severity: 9,
            body: body.to_owned(),
        }
    }

    fn batch(events: Vec<wit::Event>, cursor: &[u8]) -> wit::Batch {
        wit::Batch {
            events,
            rejected: Vec::new(),
            cursor: cursor.to_vec(),
            session: None,
            next_in: None,
            progress: wit::Progress {
                start: 0,
                position: 0,
                target: 0,
                caught_up: true,
            },
            measures: Vec::new(),
        }
    }

    #[test]
    fn an_event_that_breaks_the_contract_is_kept_with_a_reason() {
        for (id, body, reason) in [
            ("", "{}", "the plugin gave the event no id"),
            ("1", "[1]", "the plugin's event is no JSON object"),
            ("1", "", "the plugin's event is no JSON object"),
            ("1", "{\"a\":", "the plugin's event is invalid JSON"),
            ("1", "{} {}", "the plugin's event is invalid JSON"),
            ("1", "{\"a\":\"\n\"}", "the plugin's event is invalid JSON"),
        ] {
            let checked = Batch::check(batch(vec![event(id, body)], b"1 x"), &Scrubber::default()).unwrap();
            assert_eq!(checked.events, [], "{body}");
            assert_eq!(
                (checked.rejected[0].reason.as_str(), &checked.rejected[0].raw[..]),
                (reason, body.as_bytes())
            );
        }
    }

    #[test]
    fn a_body_on_several_lines_is_put_on_one() {
        let body = "{\r\n  \"a\": \"x\\ny\"\n}";
        let checked = Batch::check(batch(vec![event("1", body)], b"1 x"), &Scrubber::default()).unwrap();
        assert_eq!(checked.events[0].body, "{    \"a\": \"x\\ny\" }");
    }

    #[test]
    fn an_impossible_severity_is_unknown() {
        let odd = wit::Event {
            severity: 25,
            ..event("1", "{}")
        };
        let checked = Batch::check(batch(vec![odd], b"1 x"), &Scrubber::default()).unwrap();
        assert_eq!(checked.events[0].severity, 0);
    }

    #[test]
    fn a_cursor_that_cannot_be_stored_refuses_the_batch() {
        for cursor in [&b""[..], b"x", b"1", b" 1", b"1x", &[b'1'; LARGEST_CURSOR + 1]] {
            let failure = Batch::check(batch(Vec::new(), cursor), &Scrubber::default()).unwrap_err();
            assert_eq!(
                failure.fault,
                Fault::Broken,
                "{:?}",
                &cursor[..cursor.len().min(8)]
            );
        }
    }
}
