//! The reading law: whatever happens in between, each record that the log ever shows is delivered, and once per committed cursor.
//! Random histories of late records, crashes and failures drive the source, and the SDK's reader below it, against a simulated
//! Microsoft Graph.

#![allow(clippy::unwrap_used, reason = "a panic in the model is a failed claim")]

mod simulated;

use std::collections::BTreeSet;

use entra_audit::EntraAudit;
use headwater_source::contract::{Budget, Fault, Request, SessionChange};
use headwater_source::{Component, Timed, parse_time};
use proptest::prelude::*;
use simulated::{CONFIG, LogRecord, Mishap, SECOND, Simulated, TENANT};

const MINUTE: u64 = 60 * SECOND;
const INTERVAL: u64 = 5 * MINUTE;

/// No history needs nearly as many polls in a row: more means that reading goes round in a circle.
const MOST_POLLS_IN_A_ROW: usize = 300;

/// A random life of a source.
#[derive(Debug, Clone)]
struct History {
    /// Seconds after the beginning of the log, and seconds late, the latter turned into what the look-back allows.
    records: Vec<(u32, u32)>,
    page_size: u32,
    lookback_minutes: u64,
    window_minutes: u64,
    steps: Vec<Step>,
}

/// Some time passes, then one poll.
#[derive(Debug, Clone)]
struct Step {
    seconds: u32,
    max_events: u32,
    max_bytes: u64,
    /// The host crashed before the commit: the session is gone, the old cursor is polled again.
    is_lost: bool,
    mishaps: Vec<Option<Mishap>>,
}

/// The host's side: what is stored, and what was delivered under the stored cursor.
struct Host {
    graph: Simulated,
    config: String,
    cursor: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
    delivered: BTreeSet<String>,
}

impl Host {
    /// Polls once. How long to wait for the next poll; none for the interval.
    fn poll(&mut self, step: &Step) -> Result<Option<u64>, TestCaseError> {
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
    let log: Vec<LogRecord> = (0..)
        .zip(&history.records)
        .map(|(id, (after, late_by))| {
            let time = begin + u64::from(*after) * SECOND;
            LogRecord {
                id,
                time,
                visible: time + u64::from(*late_by) * SECOND % (late + 1),
            }
        })
        .collect();
    let last = log.iter().map(|record| record.time).max().unwrap_or(begin);
    let expected: BTreeSet<String> = log.iter().map(|record| format!("record-{}", record.id)).collect();
    let config = format!(
        r#"{CONFIG},"start":"2026-03-01T00:00:00Z","lookback":"{}m","window":"{}m","page_size":{}}}"#,
        history.lookback_minutes, history.window_minutes, history.page_size
    );
    let mut host = Host {
        graph: Simulated::new(begin + 10 * MINUTE, log),
        config,
        cursor: None,
        session: None,
        delivered: BTreeSet::new(),
    };
    for step in &history.steps {
        host.graph.now += u64::from(step.seconds) * SECOND;
        if let Some(wait) = host.poll(step)? {
            host.graph.now += wait;
        }
    }
    // A calm end: every record becomes readable, and is then read at its oldest age.
    let calm = Step {
        seconds: 0,
        max_events: 200,
        max_bytes: 1 << 20,
        is_lost: false,
        mishaps: Vec::new(),
    };
    let end = last.max(host.graph.now) + 2 * late + 45 * MINUTE;
    let mut in_a_row = 0;
    while host.graph.now < end {
        match host.poll(&calm)? {
            None => {
                host.graph.now += INTERVAL;
                in_a_row = 0;
            }
            Some(wait) => {
                host.graph.now += wait;
                in_a_row += 1;
                prop_assert!(in_a_row < MOST_POLLS_IN_A_ROW, "the source never catches up");
            }
        }
    }
    prop_assert_eq!(host.graph.too_early, 0, "asked before Retry-After had passed");
    let lost: Vec<&String> = expected.difference(&host.delivered).collect();
    prop_assert!(lost.is_empty(), "lost: {lost:?}");
    prop_assert_eq!(host.delivered, expected);
    Ok(())
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

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![4 => 0..600_u32, 1 => 600..20_000_u32];
    let max_events = prop_oneof![1 => 1..4_u32, 1 => 4..100_u32];
    let max_bytes = prop_oneof![1 => 1..5_000_u64, 3 => Just(1 << 20)];
    let mishaps = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(mishap(), 0..8)];
    (seconds, max_events, max_bytes, prop::bool::weighted(0.2), mishaps).prop_map(
        |(seconds, max_events, max_bytes, is_lost, mishaps)| Step {
            seconds,
            max_events,
            max_bytes,
            is_lost,
            mishaps,
        },
    )
}

fn history() -> impl Strategy<Value = History> {
    let record = (
        prop_oneof![1 => 0..600_u32, 1 => 0..14_400_u32],
        prop_oneof![1 => Just(0), 1 => 0..4_000_u32],
    );
    (
        prop::collection::vec(record, 0..100),
        prop_oneof![2 => 1..4_u32, 1 => 4..60_u32],
        prop::sample::select(vec![0, 1, 8, 30, 60]),
        prop::sample::select(vec![1, 7, 60, 360]),
        prop::collection::vec(step(), 0..25),
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

/// Three hundred histories, or as many as `PROPTEST_CASES` says.
fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_shown_is_delivered_once(history in history()) {
        the_law_holds(&history)?;
    }
}
