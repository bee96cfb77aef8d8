//! The reading law: whatever happens in between, each event that the log ever shows is delivered, and once per committed
//! cursor. Random histories of late events, crashes and failures drive the source against a simulated Azure.

#![allow(clippy::unwrap_used, reason = "a panic in the model is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod law;
mod simulated;

use std::collections::BTreeSet;

use azure_activity::contract::{Budget, Fault, Request, Timestamp};
use azure_activity::instant::parse_rfc3339;
use azure_activity::source;
use law::{Host, MINUTE, SECOND, Step};
use proptest::prelude::*;
use simulated::{LogEvent, Mishap, Order, SUBSCRIPTION, Simulated};

/// The refusal of a time that Azure no longer keeps; here it keeps all of it, so that this is an error of its own.
const TOO_FAR_BACK: &str =
    r#"{"Code":"BadRequest","Message":"The start time cannot be more than 90 days in the past."}"#;

/// So many repeated links in a history are surely faults that pass, as far as the source can tell.
const MOST_CIRCLES: u32 = 3;

/// A random life of a source.
#[derive(Debug, Clone)]
struct History {
    /// Seconds after the beginning of the log, and seconds late, both turned into the range that the settings allow.
    events: Vec<(u32, u32)>,
    page_size: usize,
    order: Order,
    lookback_minutes: u64,
    window_minutes: u64,
    token_minutes: u64,
    /// What part of the log is not readable before the calm end, in seconds after its beginning, and how.
    poison: Option<(u32, Mishap)>,
    steps: Vec<Step<Mishap>>,
}

struct Life {
    azure: Simulated,
    config: String,
    cursor: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
    delivered: BTreeSet<String>,
}

impl Host for Life {
    type Mishap = Mishap;
    const MOST_POLLS_IN_A_ROW: usize = 200;

    fn now(&mut self) -> &mut u64 {
        &mut self.azure.now
    }

    fn poll(&mut self, step: &Step<Mishap>) -> Result<Option<u64>, TestCaseError> {
        self.azure.begin_call();
        self.azure.mishaps.clone_from(&step.mishaps);
        let request = Request {
            config: self.config.clone(),
            partition: format!("subscriptions/{SUBSCRIPTION}"),
            cursor: self.cursor.clone(),
            session: self.session.clone(),
            budget: Budget {
                max_events: step.max_events,
                max_bytes: step.max_bytes,
                deadline: 120 * SECOND,
            },
        };
        let result = source::poll(&mut self.azure, &request);
        if step.is_lost {
            self.session = None;
            self.azure.forgive();
            return Ok(Some(0));
        }
        match result {
            Ok(batch) => {
                // Whatever was no event is nowhere else.
                for rejected in &batch.rejected {
                    let raw = String::from_utf8_lossy(&rejected.raw);
                    prop_assert!(!raw.contains("event-"), "{raw} is a whole record");
                }
                prop_assert!(batch.cursor.len() < 1024 * 1024);
                for event in batch.events {
                    prop_assert!(
                        self.delivered.insert(event.id.clone()),
                        "{} was delivered twice",
                        event.id
                    );
                }
                self.cursor = Some(batch.cursor);
                self.session = batch.session.or(self.session.take());
                prop_assert!(batch.next_in != Some(0) || !batch.caught_up);
                Ok(batch.next_in)
            }
            Err(error) => {
                prop_assert!(matches!(error.fault, Fault::Retry | Fault::Denied), "{error:?}");
                self.session = error.session.or(self.session.take());
                Ok(Some(error.retry_after.unwrap_or(SECOND)))
            }
        }
    }
}

fn the_law_holds(history: &History) -> Result<(), TestCaseError> {
    let begin: Timestamp = parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
    let late = history.lookback_minutes * MINUTE;
    let log: Vec<LogEvent> = law::times(begin, &history.events, late)
        .into_iter()
        .map(|(id, time, visible)| LogEvent { id, time, visible })
        .collect();
    let last = log.iter().map(|event| event.time).max().unwrap_or(begin);
    let expected: BTreeSet<String> = log.iter().map(|event| format!("event-{}", event.id)).collect();

    let mut azure = Simulated::new(begin + 10 * MINUTE, log, history.page_size, history.order);
    azure.token_life = history.token_minutes * MINUTE;
    let config = format!(
        r#"{{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
            "client_secret":"example~secret","subscription_id":"{SUBSCRIPTION}","start":"2026-03-01T00:00:00Z",
            "lookback":"{}m","window":"{}m","drop":[]}}"#,
        history.lookback_minutes, history.window_minutes
    );
    let mut host = Life {
        azure,
        config,
        cursor: None,
        session: None,
        delivered: BTreeSet::new(),
    };

    host.azure.poison = history
        .poison
        .map(|(after, mishap)| (begin + u64::from(after) * SECOND, mishap));
    let mut circles = 0;
    for step in &history.steps {
        let mut step = step.clone();
        for mishap in &mut step.mishaps {
            if *mishap == Some(Mishap::RepeatedLink) {
                circles += 1;
                // Pages that never stop repeating cannot be told from an end.
                *mishap = mishap.filter(|_| circles <= MOST_CIRCLES);
            }
        }
        host.live(&step)?;
    }
    host.azure.poison = None;
    // What is open is asked for again.
    let end = last.max(host.azure.now) + 2 * late + 45 * MINUTE;
    host.calm_down(end)?;
    law::judge(&host.delivered, &expected)
}

fn mishap() -> impl Strategy<Value = Option<Mishap>> {
    let mishap = prop_oneof![
        (0..20_u8).prop_map(Mishap::Throttled),
        Just(Mishap::ThrottledSilently),
        prop::sample::select(vec![403, 404, 408, 418, 500, 500, 502, 503, 504]).prop_map(Mishap::Status),
        Just(Mishap::WebPage),
        Just(Mishap::CutOff),
        Just(Mishap::BrokenOff),
        Just(Mishap::Timeout),
        Just(Mishap::Reset),
        Just(Mishap::TooLarge),
        Just(Mishap::TokenRejected),
        Just(Mishap::Redirect),
        Just(Mishap::ForeignLink),
        Just(Mishap::RepeatedLink),
        Just(Mishap::EmptyPage),
        Just(Mishap::StaleLink),
        any::<u8>().prop_map(Mishap::OddBody),
        any::<u8>().prop_map(Mishap::OddLink),
        (any::<u8>(), any::<bool>()).prop_map(|(what, all)| Mishap::OddItems { what, all }),
        prop::sample::select(vec![400, 409, 410, 422]).prop_map(Mishap::Status),
        Just(Mishap::Refused(400, TOO_FAR_BACK)),
    ];
    prop_oneof![2 => Just(None), 1 => mishap.prop_map(Some)]
}

fn poison() -> impl Strategy<Value = Option<(u32, Mishap)>> {
    let mishap = prop_oneof![
        any::<u8>().prop_map(Mishap::OddBody),
        any::<u8>().prop_map(Mishap::OddLink),
        (any::<u8>(), any::<bool>()).prop_map(|(what, all)| Mishap::OddItems { what, all }),
        prop::sample::select(vec![400, 500]).prop_map(Mishap::Status),
        Just(Mishap::BrokenOff),
    ];
    prop_oneof![2 => Just(None), 1 => (0..14_400_u32, mishap).prop_map(Some)]
}

fn history() -> impl Strategy<Value = History> {
    let order = prop::sample::select(vec![Order::NewestFirst, Order::OldestFirst, Order::Scrambled]);
    (
        law::records(120),
        prop_oneof![2 => 1..4_usize, 1 => 4..60_usize],
        order,
        prop::sample::select(vec![0, 1, 8, 30, 45]),
        prop::sample::select(vec![1, 7, 60, 360]),
        prop::sample::select(vec![1, 10, 60]),
        poison(),
        law::steps(mishap()),
    )
        .prop_map(
            |(events, page_size, order, lookback_minutes, window_minutes, token_minutes, poison, steps)| {
                History {
                    events,
                    page_size,
                    order,
                    lookback_minutes,
                    window_minutes,
                    token_minutes,
                    poison,
                    steps,
                }
            },
        )
}

proptest! {
    #![proptest_config(law::config(1000))]

    #[test]
    fn every_event_shown_is_delivered_once(history in history()) {
        the_law_holds(&history)?;
    }
}
