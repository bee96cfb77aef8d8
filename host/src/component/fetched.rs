//! What a poll brought, checked before anybody downstream sees it. A plugin is not trusted to keep the contract, nor to
//! keep secrets out of what it returns.

use std::time::Duration;

use super::contract::{self, CursorProblem, EventProblem};
use super::{attributes, measures, raw};
use crate::model::{Event, Failure, Fault, Measure, Progress, Rejected};
use crate::redact::Redactor;

/// A batch may be this many times as large as it was asked to be: ids and reasons count, too, and a source that only
/// notices what it has when it has it is not at fault.
const BYTES_ALLOWANCE: u64 = 2;
/// A batch that keeps the contract.
#[derive(Debug)]
pub struct Fetched {
    /// For the sink.
    pub events: Vec<Event>,
    /// For the dead-letter file.
    pub rejected: Vec<Rejected>,
    /// To be stored once both have been kept.
    pub cursor: Vec<u8>,
    /// When the plugin wants to be called again; none leaves it to the interval.
    pub next_in: Option<Duration>,
    /// Whether there is nothing more to read at present.
    pub caught_up: bool,
    /// How far reading has come.
    pub progress: Option<Progress>,
    /// Numbers for metrics.
    pub measures: Vec<Measure>,
}

impl Fetched {
    /// Checks a batch. What breaks the contract becomes a rejected item where an item is at fault; where the cursor is,
    /// the whole batch is refused, because it could not be stored.
    ///
    /// # Errors
    ///
    /// The cursor cannot be stored, or it or a measure holds a secret.
    pub fn check(batch: raw::Batch, redactor: &Redactor) -> Result<Self, Failure> {
        check_cursor(&batch.cursor, redactor)?;
        let measures = measures::check(batch.measures, redactor)?;
        let mut rejected: Vec<Rejected> = batch
            .rejected
            .into_iter()
            .map(|item| Rejected {
                id: item.id,
                reason: redactor.clean(&item.reason),
                raw: item.raw,
                refused: None,
            })
            .map(|item| redacted(item, redactor))
            .collect();
        let ids = batch.events.iter().map(|event| event.id.as_bytes());
        let ids_may_leak = redactor.is_given_away_by_any(ids);
        let mut events = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            match check_event(event, ids_may_leak, redactor) {
                Ok(event) => events.push(event),
                Err(item) => rejected.push(redacted(item, redactor)),
            }
        }
        Ok(Self {
            events,
            rejected,
            cursor: batch.cursor,
            next_in: batch.next_in,
            caught_up: batch.caught_up,
            progress: batch.progress,
            measures,
        })
    }
}

/// The same item without secrets in what came from outside: its id and its bytes. Takes time in proportion to its size.
/// The reason is for who knows which of its words are the host's own.
pub(crate) fn redacted(item: Rejected, redactor: &Redactor) -> Rejected {
    Rejected {
        id: item.id.map(|id| redactor.clean(&id)),
        reason: item.reason,
        raw: redactor.redact_bytes(&item.raw).unwrap_or(item.raw),
        refused: item.refused,
    }
}

/// Checks how much a batch holds, before anything is done with it. A single item may be larger than `bytes`.
pub(crate) fn check_size(batch: &raw::Batch, items: u32, bytes: u64) -> Result<(), Failure> {
    let count = batch.events.len() + batch.rejected.len();
    if count > items as usize {
        let message =
            format!("the plugin returned {count} items in one batch; it was asked for {items} at most");
        return Err(oversized(message).with_hint(
            "`limits.batch_events` sets the bound; that the plugin does not keep it is a defect, report it to its author",
        ));
    }
    let attributes = |event: &Event| -> usize {
        let texts = event.attributes.iter();
        texts
            .map(|attribute| attribute.name.len() + attribute.value.len())
            .sum()
    };
    let events = batch.events.iter();
    let events = events.map(|event| event.body.len() + event.id.len() + attributes(event));
    let rejected = batch.rejected.iter().map(Rejected::size);
    let total = events.chain(rejected).sum::<usize>() as u64;
    let allowed = bytes * BYTES_ALLOWANCE;
    if count > 1 && total > allowed {
        let message = format!(
            "the plugin returned {total} bytes in one batch; it was asked for {bytes}, and {allowed} are accepted"
        );
        return Err(oversized(message).with_hint("this is a defect of the plugin; report it to its author"));
    }
    Ok(())
}

fn oversized(message: String) -> Failure {
    Failure::host(
        Fault::Broken,
        "batch",
        format_args!("{message}; nothing was stored"),
    )
}

fn check_cursor(cursor: &[u8], redactor: &Redactor) -> Result<(), Failure> {
    let problem = contract::cursor_problem(cursor).filter(|problem| !CursorProblem::is_tolerated(*problem));
    let problem = match problem {
        Some(problem) => problem.to_string(),
        None if redactor.is_given_away_by(cursor) => "a cursor that holds a secret".to_owned(),
        None => return Ok(()),
    };
    let message = format_args!("the plugin returned {problem}; nothing was stored");
    Err(Failure::host(Fault::Broken, "cursor", message)
        .with_hint("this is a defect of the plugin; report it to its author"))
}

fn check_event(mut event: Event, ids_may_leak: bool, redactor: &Redactor) -> Result<Event, Rejected> {
    event.attributes = attributes::clean(event.attributes, redactor);
    let problem = contract::event_problem(&event);
    let refusal = match problem.filter(|problem| !EventProblem::is_tolerated(*problem)) {
        Some(problem) => problem.to_string(),
        None if ids_may_leak && redactor.is_given_away_by(event.id.as_bytes()) => {
            "has an id that holds a secret".to_owned()
        }
        None if problem.is_some() => return Ok(contract::tolerated(event)),
        None => return Ok(event),
    };
    Err(Rejected {
        id: (!event.id.is_empty()).then_some(event.id),
        reason: format!("the plugin's event {refusal}"),
        raw: event.body.into_bytes(),
        refused: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, body: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: Some(1),
            severity: 9,
            attributes: Vec::new(),
            body: body.to_owned(),
        }
    }

    fn batch(events: Vec<Event>, cursor: &[u8]) -> raw::Batch {
        raw::Batch {
            events,
            rejected: Vec::new(),
            cursor: cursor.to_vec(),
            session: raw::SessionChange::Keep,
            next_in: None,
            caught_up: true,
            progress: None,
            measures: Vec::new(),
        }
    }

    #[test]
    fn an_event_that_breaks_the_contract_is_kept_with_a_reason() {
        for (id, body, reason) in [
            ("", "{}", "the plugin's event has no id"),
            ("1", "[1]", "the plugin's event is not a JSON object"),
            ("1", "", "the plugin's event is not a JSON object"),
            ("1", "{\"a\":", "the plugin's event is invalid JSON"),
            ("1", "{} {}", "the plugin's event is invalid JSON"),
            ("1", "{\"a\":\"\n\"}", "the plugin's event is invalid JSON"),
        ] {
            let checked = Fetched::check(batch(vec![event(id, body)], b"1 x"), &Redactor::default()).unwrap();
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
        let checked = Fetched::check(batch(vec![event("1", body)], b"1 x"), &Redactor::default()).unwrap();
        assert_eq!(checked.events[0].body, "{    \"a\": \"x\\ny\" }");
    }

    #[test]
    fn an_impossible_severity_is_unknown() {
        let odd = Event {
            severity: 25,
            ..event("1", "{}")
        };
        let checked = Fetched::check(batch(vec![odd], b"1 x"), &Redactor::default()).unwrap();
        assert_eq!(checked.events[0].severity, 0);
    }

    #[test]
    fn a_cursor_that_cannot_be_stored_refuses_the_batch() {
        for cursor in [&b""[..], b"x", b"1", b" 1", b"1x", &[b'1'; (1 << 20) + 1]] {
            let failure = Fetched::check(batch(Vec::new(), cursor), &Redactor::default()).unwrap_err();
            assert_eq!(
                failure.fault,
                Fault::Broken,
                "{:?}",
                &cursor[..cursor.len().min(8)]
            );
        }
    }

    #[test]
    fn secrets_stay_out_of_dead_letters_and_of_the_state() {
        let redactor = Redactor::new(["s3cret-value".to_owned()]);
        let mut leaking = batch(
            vec![event("s3cret-value", "{}"), event("1", "[\"s3cret-value\"]")],
            b"1 x",
        );
        leaking.rejected.push(Rejected {
            id: Some("s3cret-value".to_owned()),
            reason: "czNjcmV0LXZhbHVl".to_owned(),
            raw: b"\xff s3cret-value".to_vec(),
            refused: None,
        });
        let checked = Fetched::check(leaking, &redactor).unwrap();
        assert_eq!((checked.events.len(), checked.rejected.len()), (0, 3));
        let reasons: Vec<&str> = checked.rejected.iter().map(|item| item.reason.as_str()).collect();
        assert!(
            reasons.contains(&"the plugin's event has an id that holds a secret"),
            "{reasons:?}"
        );
        for item in &checked.rejected {
            let shown = format!(
                "{:?} {} {}",
                item.id,
                item.reason,
                String::from_utf8_lossy(&item.raw)
            );
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains("[secret]"), "{shown}");
        }
        for cursor in ["1 s3cret-value", "1 x\nczNjcmV0LXZhbHVl"] {
            let failure = Fetched::check(batch(Vec::new(), cursor.as_bytes()), &redactor).unwrap_err();
            assert_eq!(
                (failure.fault, failure.code.as_str()),
                (Fault::Broken, "host.cursor")
            );
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn the_words_of_the_host_in_a_dead_letter_are_never_redacted() {
        let redactor = Redactor::new(["event".to_owned(), "plugin".to_owned()]);
        let checked = Fetched::check(batch(vec![event("1", "[\"event\"]")], b"1 x"), &redactor).unwrap();
        let item = &checked.rejected[0];
        assert_eq!(item.reason, "the plugin's event is not a JSON object");
        assert_eq!(item.raw, b"[\"[secret]\"]");
    }

    #[test]
    fn a_batch_that_is_larger_than_asked_for_is_refused_with_the_bound() {
        let many = |count: usize, body: &str| {
            let events = (0..count).map(|number| event(&number.to_string(), body));
            batch(events.collect(), b"1 x")
        };
        assert!(check_size(&many(5, "{}"), 5, 100).is_ok());
        let failure = check_size(&many(6, "{}"), 5, 100).unwrap_err();
        assert!(
            failure.to_string().contains("6 items") && failure.to_string().contains("limits.batch_events")
        );
        let large = "x".repeat(500);
        assert!(
            check_size(&many(1, &large), 5, 100).is_ok(),
            "a single large record is delivered"
        );
        assert!(check_size(&many(2, &large), 5, 100).is_err());
    }

    #[test]
    fn a_long_id_makes_a_dead_letter() {
        let long = "x".repeat(1_025);
        let checked = Fetched::check(batch(vec![event(&long, "{}")], b"1 x"), &Redactor::default()).unwrap();
        assert_eq!((checked.events.len(), checked.rejected.len()), (0, 1));
    }
}
