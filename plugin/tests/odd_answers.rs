//! An odd answer is never the end of the data, and no answer ends a stream: what happens while it lasts, and that nothing is
//! missing once it is over.

#![allow(clippy::unwrap_used, reason = "a panic in a helper is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod simulated;

use std::collections::BTreeSet;

use azure_activity::contract::{Batch, Error, Fault, Request};
use azure_activity::source;
use simulated::polls::{MINUTE, azure, measure, request};
use simulated::{Mishap, ODD_BODIES, ODD_ITEMS, ODD_LINKS, SECOND, SUBSCRIPTION, Simulated};

const TOO_FAR_BACK: &str =
    r#"{"Code":"BadRequest","Message":"The start time cannot be more than 90 days in the past."}"#;
const NO_LOG: &str = r#"{"error":{"code":"DisallowedOperation","message":"The current subscription type is not permitted to perform operations on any provider namespace."}}"#;

/// What a host has of a stream.
struct Host {
    azure: Simulated,
    request: Request,
    ids: BTreeSet<String>,
    rejected: Vec<String>,
}

impl Host {
    fn new(azure: Simulated) -> Host {
        Host {
            azure,
            request: request("hunter2", None, None),
            ids: BTreeSet::new(),
            rejected: Vec::new(),
        }
    }

    fn set(mut self, settings: &str) -> Host {
        self.request.config = self
            .request
            .config
            .replace("\"drop\"", &format!("{settings},\"drop\""));
        self
    }

    /// One poll, committed. Whatever it asks to wait passes.
    fn poll(&mut self) -> Result<Batch, Error> {
        self.azure.begin_call();
        let result = source::poll(&mut self.azure, &self.request);
        match &result {
            Ok(batch) => {
                self.request.cursor = Some(batch.cursor.clone());
                self.request.session.clone_from(&batch.session);
                for event in &batch.events {
                    assert!(self.ids.insert(event.id.clone()), "{} came twice", event.id);
                }
                let raw = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
                self.rejected
                    .extend(batch.rejected.iter().map(|rejected| raw(&rejected.raw)));
                self.azure.now += batch.next_in.unwrap_or(5 * MINUTE);
            }
            Err(error) => {
                assert!(matches!(error.fault, Fault::Retry | Fault::Denied), "{error:?}");
                self.request.session.clone_from(&error.session);
                self.azure.now += error.retry_after.unwrap_or(30 * SECOND);
            }
        }
        result
    }

    fn warnings(&self, word: &str) -> usize {
        let lines = self.azure.lines.iter();
        lines
            .filter(|line| line.starts_with("warn") && line.contains(word))
            .count()
    }
}

fn odd_answers() -> impl Iterator<Item = Mishap> {
    let bodies = (0..ODD_BODIES.len() as u8).map(Mishap::OddBody);
    let links = (0..ODD_LINKS.len() as u8).map(Mishap::OddLink);
    let items =
        (0..ODD_ITEMS.len() as u8).flat_map(|what| [true, false].map(|all| Mishap::OddItems { what, all }));
    bodies.chain(links).chain(items).chain([
        Mishap::Status(400),
        Mishap::Refused(400, r#"{"Code":"InternalServerError","Message":"x"}"#),
        Mishap::Refused(400, TOO_FAR_BACK),
        Mishap::Refused(409, ""),
    ])
}

#[test]
fn one_odd_answer_in_a_backfill_costs_nothing_wherever_it_comes() {
    for mishap in odd_answers() {
        for page in 0..4 {
            let mut host = Host::new(azure(17));
            host.azure.mishaps = vec![None; page];
            host.azure.mishaps.push(Some(mishap));
            for _ in 0..4 {
                // A refusal is an error, and passes.
                let _ = host.poll();
            }
            assert_eq!(host.ids.len(), 17, "{mishap:?} in the place of page {page}");
        }
    }
}

#[test]
fn an_odd_answer_that_lasts_for_everything_is_a_failure_and_costs_nothing_when_it_is_over() {
    for mishap in odd_answers() {
        let mut host = Host::new(azure(17));
        host.azure.lasting = Some(mishap);
        let failed = (0..6).filter(|_| host.poll().is_err()).count();
        let shows_nothing = !matches!(mishap, Mishap::OddItems { .. } | Mishap::OddLink(_));
        assert!(failed > 0 || !shows_nothing, "{mishap:?} was taken for an answer");
        host.azure.lasting = None;
        for _ in 0..6 {
            let _ = host.poll();
        }
        assert_eq!(host.ids.len(), 17, "{mishap:?}");
    }
}

#[test]
fn a_part_that_cannot_be_read_is_passed_over_left_open_and_read_when_it_can_be() {
    let poisons = odd_answers()
        .filter(|mishap| !matches!(mishap, Mishap::Refused(..)))
        .chain([Mishap::Status(500), Mishap::BrokenOff, Mishap::TooLarge]);
    for mishap in poisons {
        // Long ago: no look-back reaches it.
        let mut host = Host::new(azure(40)).set("\"start\":\"3h\",\"lookback\":\"0\"");
        host.azure.poison = Some((host.azure.now - 40 * MINUTE, mishap));
        for _ in 0..30 {
            let _ = host.poll();
        }
        let all = 40;
        let missing = all - host.ids.len();
        assert!(missing < 12, "{mishap:?}: {missing} are missing");
        let told = host.warnings("odd answers") + host.warnings("cannot be read");
        assert!(told > 0, "{mishap:?}: {:?}", host.azure.lines);
        host.azure.poison = None;
        for _ in 0..10 {
            host.poll().unwrap();
        }
        assert_eq!(host.ids.len(), all, "{mishap:?}");
    }
}

#[test]
fn a_part_that_stays_unreadable_is_told_of_once_an_hour_and_asked_for_now_and_then() {
    let mut host = Host::new(azure(40)).set("\"start\":\"3h\",\"lookback\":\"0\"");
    host.azure.poison = Some((host.azure.now - 40 * MINUTE, Mishap::OddBody(7)));
    for _ in 0..10 {
        let _ = host.poll();
    }
    let (told, asked) = (host.warnings("cannot be read"), host.azure.requests.len());
    let end = host.azure.now + 180 * MINUTE;
    while host.azure.now < end {
        host.poll().unwrap();
    }
    assert_eq!(host.warnings("cannot be read"), told);
    assert!(
        (2..=3).contains(&host.warnings("still not readable")),
        "{:?}",
        host.azure.lines
    );
    let asked = host.azure.requests.len() - asked;
    assert!(asked < 300, "{asked} requests in three hours");
}

#[test]
fn the_ninety_days_refusal_is_understood_in_both_spellings_and_only_where_it_can_be_true() {
    for body in [
        TOO_FAR_BACK,
        r#"{"code":"BadRequest","message":"The start time cannot be more than 90 days in the past."}"#,
    ] {
        let mut host = Host::new(azure(17)).set("\"start\":\"90d\",\"window\":\"30d\"");
        host.azure.mishaps = vec![Some(Mishap::Refused(400, body))];
        host.poll().unwrap();
        assert_eq!(
            (host.ids.len(), host.warnings("Azure keeps 90 days")),
            (17, 2),
            "{body}"
        );
    }
    // Nobody gives up an hour of yesterday for it.
    let mut host = Host::new(azure(17));
    host.azure.lasting = Some(Mishap::Refused(400, TOO_FAR_BACK));
    assert_eq!(host.poll().unwrap_err().code, "azure.too_far_back");
    host.azure.lasting = None;
    host.poll().unwrap();
    assert_eq!(host.ids.len(), 17);
}

#[test]
fn a_subscription_without_a_log_is_passed_over_unless_it_was_asked_for() {
    let mut host = Host::new(azure(17));
    host.azure.lasting = Some(Mishap::Refused(403, NO_LOG));
    let error = host.poll().unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "azure.no_log"));
    assert!(!error.hint.unwrap().contains("Reader"));

    let mut host = Host::new(azure(17));
    host.request.config = host.request.config.replace(SUBSCRIPTION, "*");
    host.azure.lasting = Some(Mishap::Refused(403, NO_LOG));
    for _ in 0..24 {
        let batch = host.poll().unwrap();
        assert!(batch.events.is_empty() && batch.caught_up && batch.next_in.is_none());
        assert_eq!(measure(&batch, "anomalies", "no_log"), 1);
    }
    assert_eq!(host.warnings("passed over"), 2, "once, and once an hour");
    host.azure.lasting = None;
    host.poll().unwrap();
    assert_eq!(host.ids.len(), 17, "it has one now");
}

#[test]
fn a_refused_filter_is_named_and_asked_for_again() {
    let mut host = Host::new(azure(0)).set("\"filter\":{\"resource_group\":\"shop\"}");
    host.azure.any_filter = true;
    host.azure.lasting = Some(Mishap::Status(400));
    let error = host.poll().unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "azure.bad_request"));
    assert!(error.hint.unwrap().contains("filter"));
    host.azure.lasting = None;
    host.poll().unwrap();
}

#[test]
fn an_item_that_repeats_the_token_or_the_secret_is_kept_without_them() {
    let mut host = Host::new(azure(1));
    host.azure.lasting = Some(Mishap::Body(
        r#"{"value":[{"echo":"Bearer token-1, hunter2 and token-1"},"token-1"]}"#,
    ));
    host.poll().unwrap();
    let clean = r#"{"echo":"Bearer [removed], [removed] and [removed]"}"#;
    assert_eq!(host.rejected, [clean, "\"[removed]\""]);
}
