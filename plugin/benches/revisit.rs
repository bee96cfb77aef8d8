//! Simulates what the revisit schedule costs and how soon it finds late events, against re-reading the whole look-back at
//! every poll. One JSON object per line and rate.
//!
//! `cargo bench -p azure-activity --bench revisit -- rate=1,10,50 interval=5m lookback=30m late=20 from=3m to=20m page=200`
//!
//! `rate` is in events per second; `late` percent of them become readable between `from` and `to` after they happened,
//! evenly spread, the others within ten seconds.

use std::collections::HashMap;

use azure_activity::contract::{Nanos, Timestamp};
use azure_activity::duration::{self, HOUR, SECOND};
use azure_activity::lookback::{Pointers, Range, is_busy};

/// Long enough that the beginning does not count.
const DURATION: Nanos = 12 * HOUR;
/// Where the stream begins; any instant will do.
const BEGIN: Timestamp = 1000 * HOUR;
/// As the configuration's default.
const WINDOW: Nanos = 6 * HOUR;

#[derive(Debug, Clone, Copy)]
struct Stream {
    rate: f64,
    late_percent: u64,
    from: Nanos,
    to: Nanos,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    time: Timestamp,
    visible: Timestamp,
    fetches: u32,
    found: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Outcome {
    requests: u64,
    polls: u64,
}

fn main() {
    let given: HashMap<String, String> = std::env::args()
        .filter_map(|argument| {
            argument
                .split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect();
    let text = |key: &str, default: &str| given.get(key).cloned().unwrap_or_else(|| default.to_owned());
    let duration_of =
        |key: &str, default: &str| duration::parse(&text(key, default)).expect("a duration such as 5m");
    let number = |key: &str, default: &str| text(key, default).parse::<u64>().expect("a whole number");

    let interval = duration_of("interval", "5m");
    let lookback = duration_of("lookback", "30m");
    let page = number("page", "200");
    for rate in text("rate", "0.1,1,10,50").split(',') {
        let rate = rate.parse().expect("events per second");
        let stream = Stream {
            rate,
            late_percent: number("late", "20"),
            from: duration_of("from", "3m"),
            to: duration_of("to", "20m"),
        };
        for whole in [false, true] {
            let mut events = events(stream);
            let outcome = simulate(&mut events, interval, lookback, page, whole);
            report(&events, &outcome, stream, interval, lookback, whole);
        }
    }
}

/// The stream, ordered by time.
fn events(stream: Stream) -> Vec<Event> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let count = (stream.rate * (DURATION / SECOND) as f64) as u64;
    let mut events: Vec<Event> = (0..count)
        .map(|_| {
            let time = BEGIN + random.below(DURATION);
            let late = if random.below(100) < stream.late_percent {
                stream.from + random.below(stream.to.saturating_sub(stream.from).max(1))
            } else {
                random.below(10 * SECOND)
            };
            Event {
                time,
                visible: time + late,
                fetches: 0,
                found: None,
            }
        })
        .collect();
    events.sort_by_key(|event| event.time);
    events
}

fn simulate(events: &mut [Event], interval: Nanos, lookback: Nanos, page: u64, whole: bool) -> Outcome {
    let mut pointers = Pointers::new(BEGIN, lookback);
    let mut outcome = Outcome::default();
    let mut busy = false;
    let mut now = BEGIN;
    while now < BEGIN + DURATION + 3 * lookback {
        now += interval;
        outcome.polls += 1;
        busy = !whole && is_busy(remembered(events, &pointers), page as u32, busy);
        while let Some(range) = pointers.next(now, WINDOW, !busy) {
            let fetched = fetch(events, range, now);
            outcome.requests += fetched.div_ceil(page).max(1);
            pointers.cover(range, now, None);
        }
    }
    outcome
}

/// The records that the source would still know.
fn remembered(events: &[Event], pointers: &Pointers) -> usize {
    let first = events.partition_point(|event| event.time < pointers.settled());
    let last = events.partition_point(|event| event.time < pointers.watermark);
    events[first..last]
        .iter()
        .filter(|event| event.found.is_some())
        .count()
}

fn fetch(events: &mut [Event], range: Range, now: Timestamp) -> u64 {
    let first = events.partition_point(|event| event.time < range.start);
    let last = events.partition_point(|event| event.time <= range.end);
    let mut fetched = 0;
    for event in events[first..last]
        .iter_mut()
        .filter(|event| event.visible <= now)
    {
        event.fetches += 1;
        event.found.get_or_insert(now);
        fetched += 1;
    }
    fetched
}

fn report(
    events: &[Event],
    outcome: &Outcome,
    stream: Stream,
    interval: Nanos,
    lookback: Nanos,
    whole: bool,
) {
    let manner = if whole { "whole" } else { "revisit" };
    let lost = events.iter().filter(|event| event.found.is_none()).count();
    let fetches: u64 = events.iter().map(|event| u64::from(event.fetches)).sum();
    let mut delays: Vec<u64> = events
        .iter()
        .filter_map(|event| Some((event.found? - event.visible) / SECOND))
        .collect();
    delays.sort_unstable();
    let delay = |percent: usize| {
        delays
            .get((delays.len() * percent / 100).min(delays.len() - 1))
            .unwrap_or(&0)
    };
    println!(
        r#"{{"bench":"revisit","manner":"{manner}","rate":{},"late_percent":{},"late_from":"{}","late_to":"{}","interval":"{}","lookback":"{}","fetches_per_event":{:.2},"requests_per_poll":{:.1},"delay_p50_s":{},"delay_p90_s":{},"delay_p99_s":{},"delay_max_s":{},"lost":{lost}}}"#,
        stream.rate,
        stream.late_percent,
        duration::format(stream.from),
        duration::format(stream.to),
        duration::format(interval),
        duration::format(lookback),
        fetches as f64 / events.len() as f64,
        outcome.requests as f64 / outcome.polls as f64,
        delay(50),
        delay(90),
        delay(99),
        delay(100),
    );
}

/// A small generator (xorshift64*): the same stream every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}
