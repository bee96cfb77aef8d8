//! The law of phases: where only the end of an operation is wanted, no operation is hidden. Whatever has no end is delivered,
//! once; whatever is left out has an end that was delivered; and in quiet times each ended operation is one event.

#![allow(clippy::unwrap_used, reason = "a panic in the model is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod law;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};

use azure_activity::contract::{Budget, Request, Timestamp};
use azure_activity::instant::parse_rfc3339;
use azure_activity::source;
use proptest::prelude::*;
use simulated::{LogEvent, Mishap, Order, SECOND, SUBSCRIPTION, Simulated};

const MINUTE: u64 = 60 * SECOND;
const INTERVAL: u64 = 5 * MINUTE;

/// More polls in a row mean that reading goes round in a circle.
const MOST_POLLS_IN_A_ROW: usize = 300;

/// An operation, in seconds: when it began, how long until it was accepted and until it ended, and how late each of its
/// records becomes readable.
#[derive(Debug, Clone)]
struct Operation {
    began: u32,
    accepted: Option<u32>,
    ended: Option<u32>,
    late: [u32; 3],
}

/// How a source is configured for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    phases: &'static str,
    lookback: u64,
}

#[derive(Debug, Clone)]
struct History {
    operations: Vec<Operation>,
    page_size: usize,
    order: Order,
    window_minutes: u64,
    wish: Wish,
    steps: Vec<Step>,
    /// What the operator wishes at the end.
    last_wish: Wish,
}

#[derive(Debug, Clone)]
struct Step {
    seconds: u32,
    max_events: u32,
    is_committed: bool,
    mishaps: Vec<Option<Mishap>>,
    wish: Option<Wish>,
}

/// A record, and what it is.
struct Told {
    operation: u32,
    time: Timestamp,
    visible: Timestamp,
    is_end: bool,
}

struct Life {
    azure: Simulated,
    told: BTreeMap<String, Told>,
    cursor: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
    delivered: BTreeSet<String>,
    wish: Wish,
    window_minutes: u64,
}

impl Life {
    fn new(history: &History) -> Life {
        let begin: Timestamp = parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        // No record may be later than the shortest look-back under which it could be read.
        let wishes = history.steps.iter().filter_map(|step| step.wish);
        let lookbacks = wishes
            .chain([history.wish, history.last_wish])
            .map(|wish| wish.lookback);
        let lookback = lookbacks.min().unwrap_or(0) * MINUTE;
        let (mut events, mut told, mut steps) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (operation, one) in (0..).zip(&history.operations) {
            let records = [
                (Some(0), "Started", one.late[0]),
                (one.accepted, "Accepted", one.late[1]),
                (one.ended, "Succeeded", one.late[2]),
            ];
            for (after, status, late) in records {
                let Some(after) = after else { continue };
                let id = u32::try_from(events.len()).unwrap();
                let time = begin + u64::from(one.began + after) * SECOND;
                let visible = time + (u64::from(late) * SECOND).min(lookback);
                events.push(LogEvent { id, time, visible });
                steps.insert(id, (operation, status));
                let is_end = status == "Succeeded";
                let record = Told {
                    operation,
                    time,
                    visible,
                    is_end,
                };
                told.insert(format!("event-{id}"), record);
            }
        }
        let mut azure = Simulated::new(begin + 10 * MINUTE, events, history.page_size, history.order);
        azure.steps = steps;
        Life {
            azure,
            told,
            cursor: None,
            session: None,
            delivered: BTreeSet::new(),
            wish: history.wish,
            window_minutes: history.window_minutes,
        }
    }

    /// Polls once, and returns how long to wait; none for the interval.
    fn poll(&mut self, step: &Step) -> Result<Option<u64>, TestCaseError> {
        self.wish = step.wish.unwrap_or(self.wish);
        self.azure.begin_call();
        self.azure.mishaps.clone_from(&step.mishaps);
        let config = format!(
            r#"{{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
                "client_secret":"example~secret","subscription_id":"{SUBSCRIPTION}","start":"2026-03-01T00:00:00Z",
                "lookback":"{}m","window":"{}m","drop":[]{}}}"#,
            self.wish.lookback, self.window_minutes, self.wish.phases
        );
        let request = Request {
            config,
            partition: format!("subscriptions/{SUBSCRIPTION}"),
            cursor: self.cursor.clone(),
            session: self.session.clone(),
            budget: Budget {
                max_events: step.max_events,
                max_bytes: 1 << 20,
                deadline: 120 * SECOND,
            },
        };
        let result = source::poll(&mut self.azure, &request);
        if !step.is_committed {
            self.session = None;
            self.azure.forgive();
            return Ok(Some(0));
        }
        match result {
            Ok(batch) => {
                for event in batch.events {
                    prop_assert!(self.delivered.insert(event.id.clone()), "{} twice", event.id);
                }
                self.cursor = Some(batch.cursor);
                self.session = batch.session.or(self.session.take());
                Ok(batch.next_in)
            }
            Err(error) => {
                self.session = error.session.or(self.session.take());
                Ok(Some(error.retry_after.unwrap_or(SECOND)))
            }
        }
    }

    /// Polls in quiet until everything that was held has been decided.
    fn calm(&mut self, wish: Wish) -> Result<(), TestCaseError> {
        let step = Step {
            seconds: 0,
            max_events: 200,
            is_committed: true,
            mishaps: Vec::new(),
            wish: Some(wish),
        };
        let last = self.told.values().map(|told| told.time).max().unwrap_or(0);
        let end = last.max(self.azure.now) + 3 * wish.lookback.max(45) * MINUTE;
        let mut in_a_row = 0;
        while self.azure.now < end {
            match self.poll(&step)? {
                None => {
                    self.azure.now += INTERVAL;
                    in_a_row = 0;
                }
                Some(wait) => {
                    self.azure.now += wait;
                    in_a_row += 1;
                    prop_assert!(in_a_row < MOST_POLLS_IN_A_ROW, "the source never catches up");
                }
            }
        }
        Ok(())
    }

    /// The end of an operation.
    fn end_of(&self, operation: u32) -> Option<(&String, &Told)> {
        self.told
            .iter()
            .find(|(_, told)| told.operation == operation && told.is_end)
    }

    /// Whatever was not delivered has an end that was.
    fn nothing_is_hidden(&self) -> Result<(), TestCaseError> {
        for (id, told) in &self.told {
            if self.delivered.contains(id) {
                continue;
            }
            let end = self.end_of(told.operation).filter(|_| !told.is_end);
            let is_covered =
                end.is_some_and(|(id, end)| self.delivered.contains(id) && end.time >= told.time);
            prop_assert!(is_covered, "{id} of operation {} is hidden", told.operation);
        }
        Ok(())
    }

    /// Of an operation whose end happened within the look-back, and could be read at once, nothing but the end was delivered.
    fn nothing_is_told_twice(&self) -> Result<(), TestCaseError> {
        for (id, told) in &self.told {
            let end = self.end_of(told.operation).filter(|_| !told.is_end);
            let latest = told.time + self.wish.lookback * MINUTE;
            let in_time = end.is_some_and(|(_, end)| end.visible == end.time && end.time <= latest);
            prop_assert!(
                !(in_time && self.delivered.contains(id)),
                "{id} of operation {} came although its end was there",
                told.operation
            );
        }
        Ok(())
    }
}

fn nothing_is_hidden(history: &History) -> Result<(), TestCaseError> {
    let mut life = Life::new(history);
    for step in &history.steps {
        life.azure.now += u64::from(step.seconds) * SECOND;
        if let Some(wait) = life.poll(step)? {
            life.azure.now += wait;
        }
    }
    life.calm(history.last_wish)?;
    life.nothing_is_hidden()
}

fn in_quiet_times_an_operation_is_one_event(history: &History) -> Result<(), TestCaseError> {
    let mut life = Life::new(history);
    let wish = Wish {
        phases: ENDS,
        ..history.wish
    };
    for step in &history.steps {
        life.azure.now += u64::from(step.seconds) * SECOND;
        let quiet = Step {
            mishaps: Vec::new(),
            wish: Some(wish),
            ..step.clone()
        };
        if let Some(wait) = life.poll(&quiet)? {
            life.azure.now += wait;
        }
    }
    life.calm(wish)?;
    life.nothing_is_hidden()?;
    life.nothing_is_told_twice()
}

#[test]
fn an_end_that_is_rejected_hides_no_start() {
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let record = |id: &str, second: u32, status: &str, more: &str| {
        format!(
            r#"{{"eventDataId":"{id}","eventTimestamp":"2026-03-01T00:00:{second:02}Z","correlationId":"c",
                "operationName":{{"value":"Microsoft.Web/sites/write"}},"status":{{"value":"{status}"}},"more":{more}}}"#
        )
    };
    for (more, expected) in [("1", vec!["end"]), (deep.as_str(), vec!["start"])] {
        let records = [
            record("end", 2, "Succeeded", more),
            record("start", 1, "Started", "1"),
        ];
        let page = format!(r#"{{"value":[{}]}}"#, records.join(","));
        let now = parse_rfc3339("2026-03-01T02:00:00Z").unwrap();
        let mut azure = Simulated::new(now, Vec::new(), 10, Order::NewestFirst);
        azure.mishaps = vec![Some(Mishap::Body(page.leak()))];
        let config = format!(
            r#"{{"tenant_id":"aaaaaaaa-0000-0000-0000-000000000001","client_id":"bbbbbbbb-0000-0000-0000-000000000002",
                "client_secret":"example~secret","subscription_id":"{SUBSCRIPTION}","start":"2026-03-01T00:00:00Z",
                "drop":[],"format":"aisoc"{ENDS}}}"#
        );
        let request = Request {
            config,
            partition: format!("subscriptions/{SUBSCRIPTION}"),
            cursor: None,
            session: None,
            budget: Budget {
                max_events: 100,
                max_bytes: 1 << 20,
                deadline: 120 * SECOND,
            },
        };
        let batch = source::poll(&mut azure, &request).unwrap();
        let ids: Vec<&str> = batch.events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, expected);
    }
}

const ENDS: &str = r#","phases":["end"]"#;

fn wish() -> impl Strategy<Value = Wish> {
    let phases = prop::sample::select(vec![
        ENDS,
        ENDS,
        r#","phases":["accepted","end"]"#,
        r#","phases":["end","start"]"#,
        "",
    ]);
    (phases, prop::sample::select(vec![1, 8, 30, 45]))
        .prop_map(|(phases, lookback)| Wish { phases, lookback })
}

/// With no phases left out, reading once may be enough.
fn last_wish() -> impl Strategy<Value = Wish> {
    let plain = Just(Wish {
        phases: "",
        lookback: 0,
    });
    prop_oneof![4 => wish(), 1 => plain]
}

fn mishap() -> impl Strategy<Value = Option<Mishap>> {
    let mishap = prop_oneof![
        (0..20_u8).prop_map(Mishap::Throttled),
        prop::sample::select(vec![400, 403, 500, 503]).prop_map(Mishap::Status),
        Just(Mishap::BrokenOff),
        Just(Mishap::Timeout),
        Just(Mishap::TokenRejected),
        Just(Mishap::EmptyPage),
        Just(Mishap::StaleLink),
        any::<u8>().prop_map(Mishap::OddBody),
        any::<u8>().prop_map(Mishap::OddLink),
        (any::<u8>(), any::<bool>()).prop_map(|(what, all)| Mishap::OddItems { what, all }),
    ];
    prop_oneof![2 => Just(None), 1 => mishap.prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    (
        prop_oneof![4 => 0..600_u32, 1 => 600..20_000_u32],
        prop_oneof![1 => 1..4_u32, 1 => 4..100_u32],
        prop::bool::weighted(0.8),
        prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(mishap(), 0..6)],
        prop::option::weighted(0.1, wish()),
    )
        .prop_map(|(seconds, max_events, is_committed, mishaps, wish)| Step {
            seconds,
            max_events,
            is_committed,
            mishaps,
            wish,
        })
}

fn operation() -> impl Strategy<Value = Operation> {
    let late = || prop_oneof![1 => Just(0), 1 => 0..3_000_u32];
    let after = || prop_oneof![2 => 1..90_u32, 1 => 90..4_000_u32];
    (
        prop_oneof![1 => 0..600_u32, 1 => 0..14_400_u32],
        prop::option::of(after()),
        prop::option::weighted(0.7, after()),
        [late(), late(), late()],
    )
        .prop_map(|(began, accepted, ended, late)| Operation {
            began,
            accepted,
            ended: ended.map(|ended| ended.max(accepted.unwrap_or(0) + 1)),
            late,
        })
}

fn history(orders: Vec<Order>) -> impl Strategy<Value = History> {
    (
        prop::collection::vec(operation(), 0..50),
        prop_oneof![2 => 1..4_usize, 1 => 4..60_usize],
        prop::sample::select(orders),
        prop::sample::select(vec![1, 7, 60, 360]),
        wish(),
        prop::collection::vec(step(), 0..25),
        last_wish(),
    )
        .prop_map(
            |(operations, page_size, order, window_minutes, wish, steps, last_wish)| History {
                operations,
                page_size,
                order,
                window_minutes,
                wish,
                steps,
                last_wish,
            },
        )
}

proptest! {
    #![proptest_config(law::config(500))]

    #[test]
    fn no_operation_without_an_end_is_ever_hidden(
        history in history(vec![Order::NewestFirst, Order::OldestFirst, Order::Scrambled])
    ) {
        nothing_is_hidden(&history)?;
    }

    #[test]
    fn an_operation_that_ends_in_time_is_one_event(
        history in history(vec![Order::NewestFirst, Order::OldestFirst])
    ) {
        in_quiet_times_an_operation_is_one_event(&history)?;
    }
}
