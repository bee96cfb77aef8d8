use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};

use http::HeaderValue;

use super::super::encoding::{AisocConnector, Encoding};
use super::super::receiver::Receiver;
use super::super::{Accepted, Endpoint, Sink, delivery};
use super::*;
use crate::secret::Template;

fn sink(url: &str, encoding: Encoding, gzip: bool) -> HttpSink {
    let headers = Template::new("sink.headers", &serde_json::json!({ "x-key": "sesame" }), &[]).unwrap();
    let endpoint = Endpoint {
        url: url.parse().unwrap(),
        gzip,
        headers,
        ..Endpoint::default()
    };
    HttpSink::new(endpoint, encoding).unwrap()
}

fn events(bodies: &[&str]) -> Vec<Event> {
    let event = |body: &&str| Event {
        id: (*body).to_owned(),
        time: None,
        severity: 0,
        attributes: Vec::new(),
        body: (*body).to_owned(),
    };
    bodies.iter().map(event).collect()
}

/// Events with the numbers of a range, all of one length.
fn numbered(numbers: Range<usize>) -> Vec<Event> {
    let bodies: Vec<String> = numbers
        .map(|number| format!("{{\"n\":{}}}", 100_000 + number))
        .collect();
    events(&bodies.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A receiver that judges requests by a rule, and the ids of what it has taken.
async fn receiver(
    takes: impl Fn(usize, &str) -> bool + Send + Sync + 'static,
) -> (Receiver, Arc<Mutex<Vec<String>>>) {
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, count) = (taken.clone(), Mutex::new(0));
    let receiver = Receiver::start(move |body| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if !takes(*count, body) {
            return (400, "bad request");
        }
        kept.lock().unwrap().extend(body.lines().map(str::to_owned));
        (200, "")
    })
    .await;
    (receiver, taken)
}

/// Delivers a batch as a partition does, again and again, at most so often. Returns what was refused permanently.
async fn deliver(sink: &HttpSink, events: &[Event], attempts: usize) -> (Vec<String>, Option<SinkError>) {
    let (mut left, mut refused, mut error) = (events.to_vec(), Vec::new(), None);
    for _ in 0..attempts {
        let delivery = Delivery {
            settled: events.len() - left.len(),
            ..delivery(&left)
        };
        let (remaining, blamed) = match sink.deliver(delivery).await {
            Ok(Accepted { refused }) => (Vec::new(), refused),
            Err(undelivered) => {
                error = Some(undelivered.error);
                (undelivered.remaining, undelivered.refused)
            }
        };
        refused.extend(blamed.into_iter().map(|(place, _)| left[place].id.clone()));
        left = remaining.into_iter().map(|place| left[place].clone()).collect();
        if left.is_empty() {
            return (refused, None);
        }
    }
    (refused, error)
}

fn distinct(taken: &Mutex<Vec<String>>) -> BTreeSet<String> {
    taken.lock().unwrap().iter().cloned().collect()
}

#[tokio::test]
async fn a_batch_goes_out_in_the_chosen_encoding() {
    for (encoding, gzip, kind, expected) in [
        (
            Encoding::Ndjson,
            false,
            "application/x-ndjson",
            "{\"a\":1}\n{\"b\":2}\n",
        ),
        (Encoding::Array, true, "application/json", "[{\"a\":1},{\"b\":2}]"),
    ] {
        let receiver = Receiver::start(|_| (200, "")).await;
        let accepted = sink(&receiver.url, encoding, gzip)
            .deliver(delivery(&events(&["{\"a\":1}", "{\"b\":2}"])))
            .await;
        assert_eq!(accepted.unwrap(), Accepted::default());
        let (headers, body) = receiver.requests().remove(0);
        assert_eq!(
            (&headers["content-type"], &headers["x-key"]),
            (
                &HeaderValue::from_static(kind),
                &HeaderValue::from_static("sesame")
            )
        );
        let mut text = String::new();
        if gzip {
            flate2::read::GzDecoder::new(&body[..])
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = String::from_utf8(body).unwrap();
        }
        assert_eq!(text, expected);
    }
}

#[tokio::test]
async fn a_request_has_a_largest_size_unless_one_event_is_larger() {
    let receiver = Receiver::start(|_| (200, "")).await;
    let body = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size));
    let bodies = [
        body(5 << 20),
        body(2 << 20),
        body(2 << 20),
        body(9 << 20),
        body(1),
    ];
    let events = events(&bodies.each_ref().map(String::as_str));
    let sink = sink(&receiver.url, Encoding::Ndjson, false);
    assert!(sink.deliver(delivery(&events)).await.is_ok());
    let sizes = receiver
        .requests()
        .iter()
        .map(|(_, body)| body.len() >> 20)
        .collect::<Vec<_>>();
    assert_eq!(sizes, [7, 2, 9, 0]);
}

#[tokio::test]
async fn one_bad_event_is_found_and_the_others_arrive_once_and_in_order() {
    let receiver = Receiver::start(|body| {
        if body.contains("bad") {
            (400, "no such field")
        } else {
            (200, "")
        }
    })
    .await;
    let bodies = ["{\"n\":1}", "{\"n\":2}", "{\"bad\":3}", "{\"n\":4}", "{\"n\":5}"];
    let accepted = sink(&receiver.url, Encoding::Ndjson, false)
        .deliver(delivery(&events(&bodies)))
        .await
        .unwrap();
    let [(2, reason)] = &accepted.refused[..] else {
        panic!("{accepted:?}")
    };
    assert!(reason.contains("400 Bad Request: no such field"), "{reason}");
    let bodies = receiver
        .requests()
        .into_iter()
        .map(|(_, body)| String::from_utf8(body).unwrap());
    let arrived: String = bodies.filter(|body| !body.contains("bad")).collect();
    assert_eq!(arrived, "{\"n\":1}\n{\"n\":2}\n{\"n\":4}\n{\"n\":5}\n");
}

#[tokio::test]
async fn a_poisoned_event_at_any_place_of_forty_is_the_one_dead_letter() {
    for place in [0, 1, 7, 19, 20, 38, 39] {
        let all = numbered(0..40);
        let bad = all[place].id.clone();
        let poison = bad.clone();
        let (receiver, taken) = receiver(move |_, body| !body.contains(&poison)).await;
        let sink = sink(&receiver.url, Encoding::Ndjson, false);
        let (refused, error) = deliver(&sink, &all, 1).await;
        assert_eq!((&refused, error), (&vec![bad.clone()], None), "{place}");
        assert_eq!(distinct(&taken).len(), 39, "{place}");
        assert!(!distinct(&taken).contains(&bad), "{place}");
        // Only where nothing is left to prove the receiver well are events sent again.
        let repeated = taken.lock().unwrap().len() - 39;
        assert!(repeated <= 4, "{place}: {repeated}");
    }
}

#[tokio::test]
async fn several_poisoned_events_are_found_together() {
    let all = numbered(0..100);
    let (receiver, taken) = receiver(|_, body| !body.lines().any(|line| line.ends_with("7}"))).await;
    let sink = sink(&receiver.url, Encoding::Ndjson, false);
    let (refused, error) = deliver(&sink, &all, 1).await;
    assert_eq!((refused.len(), error), (10, None));
    assert_eq!(distinct(&taken).len(), 90);
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_gets_everything_once_it_is_well() {
    for count in [1, 2, 3, 40, 1_000] {
        let is_well = Arc::new(Mutex::new(false));
        let state = is_well.clone();
        let (receiver, taken) = receiver(move |_, _| *state.lock().unwrap()).await;
        let sink = sink(&receiver.url, Encoding::Ndjson, false);
        let all = numbered(0..count);
        let (refused, error) = deliver(&sink, &all, 5).await;
        assert_eq!(refused, Vec::<String>::new(), "{count}");
        assert!(
            matches!(&error, Some(SinkError::Refused { reason }) if reason.contains("bad request")),
            "{count}: {error:?}"
        );
        assert!(receiver.requests().len() <= 5 * 40, "few requests find that out");
        *is_well.lock().unwrap() = true;
        assert_eq!(deliver(&sink, &all, 1).await, (Vec::new(), None), "{count}");
        assert_eq!(taken.lock().unwrap().len(), count);
    }
}

#[tokio::test]
async fn a_receiver_that_takes_now_this_and_now_that_loses_nothing() {
    // Every second request; one in six; small requests only; a space that fills up, with room now and then.
    type Rule = fn(usize, &str) -> bool;
    let rules: [(&str, Rule); 6] = [
        ("every second", |count, _| count % 2 == 0),
        ("every third", |count, _| count % 3 == 0),
        ("at random, one in six", |count, _| {
            (count as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 < (1 << 31) / 6
        }),
        ("at random, one in two", |count, _| {
            (count as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 < (1 << 31) / 2
        }),
        ("small ones only", |_, body| body.len() < 40),
        ("one after two refusals, small", |count, body| {
            body.len() < 100 && count % 3 == 0
        }),
    ];
    for (name, rule) in rules {
        let is_well = Arc::new(Mutex::new(false));
        let state = is_well.clone();
        let (receiver, taken) =
            receiver(move |count, body| *state.lock().unwrap() || rule(count, body)).await;
        let sink = sink(&receiver.url, Encoding::Ndjson, false);
        for batch in 0..20 {
            let all = numbered(batch * 100..batch * 100 + 100);
            *is_well.lock().unwrap() = false;
            let (mut refused, mut error) = deliver(&sink, &all, 8).await;
            if error.is_some() {
                *is_well.lock().unwrap() = true;
                (refused, error) = deliver(&sink, &all, 1).await;
            }
            assert_eq!((refused, error), (Vec::new(), None), "{name}");
        }
        assert_eq!(distinct(&taken).len(), 2_000, "{name}");
    }
}

#[tokio::test]
async fn a_receiver_whose_space_fills_up_loses_nothing() {
    // So much room, in bytes, that the last event of a batch does not fit any more: the halves look like one bad event.
    for room in (0..40 * 13).step_by(13) {
        let left = Mutex::new(room);
        let (receiver, taken) = receiver(move |_, body| {
            let mut left = left.lock().unwrap();
            let fits = body.len() <= *left;
            *left -= if fits { body.len() } else { 0 };
            fits
        })
        .await;
        let sink = sink(&receiver.url, Encoding::Ndjson, false);
        let (refused, _) = deliver(&sink, &numbered(0..40), 3).await;
        assert_eq!(refused, Vec::<String>::new(), "{room}");
        assert!(distinct(&taken).len() <= 40);
    }
}

#[tokio::test]
async fn a_single_poisoned_event_is_blamed_when_there_is_company_and_waits_otherwise() {
    let (receiver, _) = receiver(|_, body| !body.contains("bad")).await;
    let sink = sink(&receiver.url, Encoding::Ndjson, false);
    let bad = events(&["{\"bad\":1}"]);
    let (refused, error) = deliver(&sink, &bad, 3).await;
    assert!(
        refused.is_empty() && matches!(error, Some(SinkError::Refused { .. })),
        "{error:?}"
    );
    assert_eq!(deliver(&sink, &numbered(0..3), 1).await, (Vec::new(), None));
    assert_eq!(deliver(&sink, &bad, 1).await, (vec![bad[0].id.clone()], None));
    // One after the other is the receiver's fault.
    let mut last = None;
    for number in 0..5 {
        let bad = events(&[&format!("{{\"bad\":1,\"n\":{number}}}")]);
        last = deliver(&sink, &bad, 1).await.1;
    }
    assert!(matches!(last, Some(SinkError::Refused { .. })), "{last:?}");
}

#[tokio::test]
async fn what_was_accepted_before_a_failure_is_not_sent_again() {
    let receiver = Receiver::start({
        let count = Mutex::new(0);
        move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            if *count == 2 {
                (503, "busy")
            } else {
                (200, "{\"accepted\":1000,\"rejected\":0}")
            }
        }
    })
    .await;
    let connector = AisocConnector { kind: "x".to_owned() };
    let sink = sink(&receiver.url, Encoding::Aisoc(connector), false);
    let undelivered = sink.deliver(delivery(&numbered(0..2_500))).await.unwrap_err();
    assert_eq!(undelivered.remaining, (1_000..2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn whatever_can_be_fixed_is_not_accepted_and_not_refused() {
    for status in [301, 401, 403, 404, 429, 500, 503] {
        let receiver = Receiver::start(move |_| (status, "sesame")).await;
        let undelivered = sink(&receiver.url, Encoding::Ndjson, false)
            .deliver(delivery(&events(&["{}"])))
            .await
            .unwrap_err();
        assert!(
            matches!(&undelivered.error, SinkError::Unavailable { reason, .. } if !reason.contains("sesame")),
            "{status}: {undelivered}"
        );
    }
    let nobody = sink("http://127.0.0.1:9/", Encoding::Ndjson, false)
        .deliver(delivery(&events(&["{}"])))
        .await
        .unwrap_err();
    assert!(nobody.to_string().starts_with("127.0.0.1:9: "), "{nobody}");
}

#[tokio::test]
async fn a_partial_success_is_searched_for_the_events_that_were_refused() {
    for bad in [
        vec![],
        vec![0],
        vec![39],
        vec![3, 4, 30],
        (0..20).collect::<Vec<usize>>(),
    ] {
        let all = numbered(0..40);
        let poison: Vec<String> = bad
            .iter()
            .map(|place| format!("intValue\":\"{}\"", 100_000 + place))
            .collect();
        let receiver = Receiver::start(move |body| {
            let count = poison.iter().filter(|bad| body.contains(bad.as_str())).count();
            let answer = format!(
                "{{\"partialSuccess\":{{\"rejectedLogRecords\":\"{count}\",\"errorMessage\":\"no\"}}}}"
            );
            (200, answer.leak())
        })
        .await;
        let sink = sink(&receiver.url, Encoding::Otlp, false);
        let (refused, error) = deliver(&sink, &all, 1).await;
        let expected: Vec<String> = bad.iter().map(|place| all[*place].id.clone()).collect();
        assert_eq!((refused, error), (expected, None), "{bad:?}");
    }
}

#[tokio::test]
async fn a_partial_success_that_refuses_everything_or_nearly_everything_holds_the_batch() {
    for answer in [
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"40\"}}",
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"39\"}}",
    ] {
        let receiver = Receiver::start(move |_| (200, answer)).await;
        let sink = sink(&receiver.url, Encoding::Otlp, false);
        let (refused, error) = deliver(&sink, &numbered(0..40), 2).await;
        assert_eq!(refused, Vec::<String>::new(), "{answer}");
        assert!(error.is_some(), "{answer}");
    }
}

#[tokio::test]
async fn no_request_is_larger_than_allowed_and_what_alone_is_larger_is_refused_at_once() {
    let (receiver, taken) = receiver(|_, body| body.len() <= 100).await;
    let endpoint = Endpoint {
        url: receiver.url.parse().unwrap(),
        max_request: Some(100),
        ..Endpoint::default()
    };
    let sink = HttpSink::new(endpoint, Encoding::Ndjson).unwrap();
    let mut batch = numbered(0..50);
    batch[7].body = format!("{{\"n\":\"{}\"}}", "x".repeat(100));
    let Accepted { refused } = sink.deliver(delivery(&batch)).await.unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0]
            .1
            .contains("the event alone makes a request of 109 bytes"),
        "{refused:?}"
    );
    assert_eq!(refused[0].0, 7);
    assert_eq!(taken.lock().unwrap().len(), 49);
    assert!(receiver.requests().iter().all(|(_, body)| body.len() <= 100));
}
