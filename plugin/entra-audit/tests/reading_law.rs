//! The reading law: whatever happens in between, each record that the log ever shows is delivered, and once per committed cursor.
//! Random histories of late records, crashes and failures drive the source, and the SDK's reader below it, against a simulated
//! Microsoft Graph.

#![allow(clippy::unwrap_used, reason = "a panic in the model is a failed claim")]

#[path = "../../tests/law/mod.rs"]
mod law;
mod simulated;

use std::collections::BTreeSet;

use entra_audit::EntraAudit;
use headwater_source::contract::{Budget, Fault, Request, SessionChange};
use headwater_source::{Component, Timed, parse_time};
use law::{Host, MINUTE, SECOND, Step};
use proptest::prelude::*;
use simulated::{CONFIG, LogRecord, Mishap, Simulated, TENANT};

/// A random life of a source.
#[derive(Debug, Clone)]
struct History {
    /// Seconds after the beginning of the log, and seconds late, the latter turned into what the look-back allows.
    records: Vec<(u32, u32)>,
    page_size: u32,
    lookback_minutes: u64,
    window_minutes: u64,
    steps: Vec<Step<Mishap>>,
}

struct Life {
    graph: Simulated,
    config: String,
    cursor: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
    delivered: BTreeSet<String>,
}

impl Host for Life {
    type Mishap = Mishap;
    const MOST_POLLS_IN_A_ROW: usize = 300;

    fn now(&mut self) -> &mut u64 {
        &mut self.graph.now
    }

    fn poll(&mut self, step: &Step<Mishap>) -> Result<Option<u64>, TestCaseError> {
        self.graph.begin_call();
        self.graph.mishaps.clone_from(&step.mishaps);
        let request = Request {
            config: self.config.clone(),
            partition: format!("tenants/{TENANT}/directoryAudits"),
            cursor: self.cursor.clone(),
            session: self.session.clone(),
            budget: Budget {
                max_events: step.max_events,
                max_bytes: step.max_bytes,
                deadline: 120 * SECOND,
            },
        };
        let result = Timed::<EntraAudit>::poll(&mut self.graph, &request);
        let took = headwater_source::http::Platform::elapsed(&self.graph);
        prop_assert!(took <= 120 * SECOND, "the deadline was not kept");
        if step.is_lost {
            self.session = None;
            self.graph.forgive();
            return Ok(Some(0));
        }
        let change = match &result {
            Ok(batch) => batch.session.clone(),
            Err(error) => error.session.clone(),
        };
        match change {
            SessionChange::Keep => {}
            SessionChange::Drop => self.session = None,
            SessionChange::Replace(session) => self.session = Some(session),
        }
        match result {
            Ok(batch) => {
                prop_assert!(batch.rejected.is_empty());
                prop_assert!(batch.events.len() <= step.max_events as usize);
                for event in batch.events {
                    prop_assert!(self.delivered.insert(event.id.clone()), "{} came twice", event.id);
                }
                self.cursor = Some(batch.cursor);
                prop_assert!(batch.next_in != Some(0) || !batch.caught_up);
                Ok(batch.next_in)
            }
            Err(error) => {
                prop_assert!(matches!(error.fault, Fault::Retry | Fault::Denied), "{error:?}");
                Ok(Some(error.retry_after.unwrap_or(SECOND)))
            }
        }
    }
}

fn the_law_holds(history: &History) -> Result<(), TestCaseError> {
    let begin = parse_time("2026-03-01T00:00:00Z").unwrap();
    let late = history.lookback_minutes * MINUTE;
    let log: Vec<LogRecord> = law::times(begin, &history.records, late)
        .into_iter()
        .map(|(id, time, visible)| LogRecord { id, time, visible })
        .collect();
    let last = log.iter().map(|record| record.time).max().unwrap_or(begin);
    let expected: BTreeSet<String> = log.iter().map(|record| format!("record-{}", record.id)).collect();
    let config = format!(
        r#"{CONFIG},"start":"2026-03-01T00:00:00Z","lookback":"{}m","window":"{}m","page_size":{}}}"#,
        history.lookback_minutes, history.window_minutes, history.page_size
    );
    let mut host = Life {
        graph: Simulated::new(begin + 10 * MINUTE, log),
        config,
        cursor: None,
        session: None,
        delivered: BTreeSet::new(),
    };
    for step in &history.steps {
        host.live(step)?;
    }
    let end = last.max(host.graph.now) + 2 * late + 45 * MINUTE;
    host.calm_down(end)?;
    prop_assert_eq!(host.graph.too_early, 0, "asked before Retry-After had passed");
    law::judge(&host.delivered, &expected)
}

fn mishap() -> impl Strategy<Value = Option<Mishap>> {
    let mishap = prop_oneof![
        (0..20_u8).prop_map(Mishap::Throttled),
        prop::sample::select(vec![400, 403, 404, 408, 500, 502, 503, 504]).prop_map(Mishap::Status),
        prop::sample::select(vec![
            Mishap::WebPage,
            Mishap::CutOff,
            Mishap::BrokenOff,
            Mishap::Timeout,
            Mishap::TooLarge,
            Mishap::TokenRejected,
            Mishap::ForeignLink,
            Mishap::RepeatedLink,
            Mishap::StaleLink,
        ]),
    ];
    prop_oneof![2 => Just(None), 1 => mishap.prop_map(Some)]
}

fn history() -> impl Strategy<Value = History> {
    (
        law::records(100),
        prop_oneof![2 => 1..4_u32, 1 => 4..60_u32],
        prop::sample::select(vec![0, 1, 8, 30, 60]),
        prop::sample::select(vec![1, 7, 60, 360]),
        law::steps(mishap()),
    )
        .prop_map(
            |(records, page_size, lookback_minutes, window_minutes, steps)| History {
                records,
                page_size,
                lookback_minutes,
                window_minutes,
                steps,
            },
        )
}

proptest! {
    #![proptest_config(law::config(300))]

    #[test]
    fn every_record_shown_is_delivered_once(history in history()) {
        the_law_holds(&history)?;
    }
}
