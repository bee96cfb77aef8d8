use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::super::receiver::Receiver;
use super::super::{Accepted, Authorization, Endpoint, Sink, delivery};
use super::*;
use crate::secret::SecretText;
use crate::sink::http::HttpSink;

fn sink(receiver: &Receiver, encoding: Encoding, authorization: Option<Authorization>) -> HttpSink {
    let endpoint = Endpoint {
        url: receiver.url.parse().unwrap(),
        authorization,
        ..Endpoint::default()
    };
    HttpSink::new(endpoint, encoding).unwrap()
}

fn secret(text: &str) -> SecretText {
    SecretText::written(text)
}

fn events(bodies: &[&str]) -> Vec<Event> {
    let event = |(place, body): (usize, &&str)| Event {
        id: format!("id-{place}"),
        time: Some(1_700_000_000_123_456_789),
        severity: 9,
        attributes: Vec::new(),
        body: (*body).to_owned(),
    };
    bodies.iter().enumerate().map(event).collect()
}

/// Creates documents as a data stream does: an id once, no field `bad`, and nothing at all while `busy` is in the body.
fn bulk(seen: &Mutex<HashSet<String>>, body: &str) -> (u16, &'static str) {
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let outcome = |pair: &[Value]| {
        let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
        let failed = |status: u16, kind: &str| json!({ "create": { "status": status, "error": { "type": kind, "reason": "why" } } });
        if pair[1].get("busy").is_some() {
            failed(429, "es_rejected_execution_exception")
        } else if pair[1].get("bad").is_some() {
            failed(400, "document_parsing_exception")
        } else if seen.lock().unwrap().insert(id) {
            json!({ "create": { "status": 201 } })
        } else {
            failed(409, "version_conflict_engine_exception")
        }
    };
    let items: Vec<Value> = lines.chunks(2).map(outcome).collect();
    (200, json!({ "items": items }).to_string().leak())
}

#[tokio::test]
async fn elasticsearch_settles_every_event_by_itself_and_redelivery_changes_nothing() {
    let seen = Mutex::default();
    let receiver = Receiver::start(move |body| bulk(&seen, body)).await;
    let sink = sink(&receiver, Encoding::Elasticsearch, None);
    let busy = sink
        .deliver(delivery(&events(&["{}", "{\"busy\":1}", "{}"])))
        .await
        .unwrap_err();
    assert!(
        matches!(&busy.error, SinkError::Unavailable { reason, .. } if reason.contains("429")),
        "{busy}"
    );
    for _ in 0..2 {
        let Accepted { refused } = sink
            .deliver(delivery(&events(&["{}", "{\"bad\":1}", "{}"])))
            .await
            .unwrap();
        assert_eq!(refused, [(1, "400 document_parsing_exception: why".to_owned())]);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_outcome_accepts_nothing() {
    for answer in ["", "<html>", "{\"items\":[]}"] {
        let receiver = Receiver::start(move |_| (200, answer)).await;
        let result = sink(&receiver, Encoding::Elasticsearch, None)
            .deliver(delivery(&events(&["{}"])))
            .await;
        assert!(
            matches!(&result, Err(undelivered) if matches!(undelivered.error, SinkError::Unavailable { .. })),
            "{answer}: {result:?}"
        );
    }
}

#[tokio::test]
async fn splunk_gets_time_place_and_token_and_a_wrong_index_loses_nothing() {
    let fields = SplunkFields {
        sourcetype: "cloud:activity".to_owned(),
        index: Some("audit".to_owned()),
    };
    let token = Authorization::Token("Splunk", secret("the-token"));
    let receiver = Receiver::start(|body| match () {
        () if body.contains("misplaced") => (400, "{\"text\":\"Incorrect index\",\"code\":7}"),
        () if body.contains("bad") => (400, "{\"text\":\"Invalid data format\",\"code\":6}"),
        () => (200, "{\"text\":\"Success\",\"code\":0}"),
    })
    .await;
    let sink = sink(&receiver, Encoding::Splunk(fields), Some(token));
    let Accepted { refused } = sink
        .deliver(delivery(&events(&["{\"a\":1}", "{\"bad\":1}"])))
        .await
        .unwrap();
    assert_eq!(refused.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
    let waits = sink.deliver(delivery(&events(&["{\"misplaced\":1}"]))).await;
    assert!(
        matches!(&waits, Err(undelivered) if matches!(undelivered.error, SinkError::Unavailable { .. })),
        "{waits:?}"
    );
    let (headers, body) = receiver.requests().remove(1);
    assert_eq!(headers["authorization"], "Splunk the-token");
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "{\"time\":1700000000.123456,\"host\":\"contoso\",\"source\":\"headwater\",\
         \"sourcetype\":\"cloud:activity\",\"index\":\"audit\",\
         \"fields\":{\"event_key\":\"6fb38e95e61acfce41e0ead16b245d7a811b07fbf32e97b7763bd23f45b50894\"},\"event\":{\"a\":1}}\n"
    );
}

#[tokio::test]
async fn aisoc_gets_at_most_a_thousand_and_a_refused_event_is_found() {
    let receiver = Receiver::start(|body| match body.contains("bad") {
        true => (200, "{\"accepted\":0,\"rejected\":1,\"errors\":[\"no source\"]}"),
        false => (200, "{\"accepted\":1,\"rejected\":0}"),
    })
    .await;
    let connector = AisocConnector {
        kind: "activity".to_owned(),
    };
    let sink = sink(&receiver, Encoding::Aisoc(connector), None);
    let mut bodies = vec!["{}"; 1_001];
    bodies[1_000] = "{\"bad\":1}";
    let Accepted { refused } = sink.deliver(delivery(&events(&bodies))).await.unwrap();
    assert_eq!(refused, [(1_000, "1 events refused: no source".to_owned())]);
    let sizes = receiver.requests().into_iter().map(|(_, body)| {
        let request: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&request["connector_id"], &request["connector_type"]),
            (&json!("contoso"), &json!("activity"))
        );
        request["events"].as_array().map_or(0, Vec::len)
    });
    // The event that is refused is tried again twice, and then one that was taken.
    assert_eq!(sizes.collect::<Vec<_>>(), [1_000, 1, 1, 1, 5]);
}

#[test]
fn a_refusal_without_a_reason_says_that_there_is_none() {
    for (answer, expected) in [
        (
            "{\"accepted\":1,\"rejected\":1}",
            "1 of 2 events refused: the receiver gives no reason",
        ),
        (
            "{\"accepted\":0,\"rejected\":2,\"errors\":[\" \"]}",
            "2 events refused: the receiver gives no reason",
        ),
    ] {
        let reply = Reply::example(200, "", answer.as_bytes());
        let outcome = format!("{:?}", aisoc::read(&reply, 2));
        assert!(outcome.contains(expected), "{outcome}");
    }
}

#[tokio::test]
async fn a_login_goes_with_every_request_and_is_not_shown() {
    for (authorization, expected, answer) in [
        (
            Authorization::Token("Bearer", secret("the-token")),
            "Bearer the-token",
            "not the-token",
        ),
        (
            Authorization::Basic("Aladdin".to_owned(), secret("open sesame")),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "not open sesame, not QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
    ] {
        let receiver = Receiver::start(move |_| (403, answer)).await;
        let error = sink(&receiver, Encoding::Ndjson, Some(authorization))
            .deliver(delivery(&events(&["{}"])))
            .await;
        let said = error.unwrap_err().to_string();
        for secret in ["the-token", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
            assert!(!said.contains(secret), "{said}");
        }
        assert_eq!(receiver.requests()[0].0["authorization"], expected);
    }
}

#[tokio::test]
async fn no_part_of_a_secret_that_a_receiver_repeats_is_shown() {
    let straddling: &str = format!("{} Bearer the-secret-token", "x".repeat(180)).leak();
    let item = r#"{"items":[{"create":{"status":400,"error":{"type":"x","reason":"not for Bearer the-secret-token"}}}]}"#;
    let error = r#"{"rejected":1,"errors":["not for Bearer the-secret-token"]}"#;
    let aisoc = Encoding::Aisoc(AisocConnector {
        kind: "activity".to_owned(),
    });
    for (encoding, status, answer) in [
        (Encoding::Ndjson, 401, straddling),
        (Encoding::Ndjson, 400, straddling),
        (Encoding::Elasticsearch, 200, item),
        (aisoc, 200, error),
    ] {
        let receiver = Receiver::start(move |_| (status, answer)).await;
        let token = Authorization::Token("Bearer", secret("the-secret-token"));
        let result = sink(&receiver, encoding, Some(token))
            .deliver(delivery(&events(&["{}"])))
            .await;
        let shown = format!("{result:?}");
        assert!(shown.contains("Bearer"), "{shown}");
        assert!(!shown.contains("the-s"), "{shown}");
    }
}

#[tokio::test]
async fn an_outcome_without_a_reason_is_an_outcome() {
    for error in ["null", "{}", r#"{"type":"x","reason":null}"#] {
        let refused = format!(r#"{{"create":{{"status":400,"error":{error}}}}}"#);
        let answer: &str = format!(r#"{{"items":[{{"create":{{"status":201}}}},{refused}]}}"#).leak();
        let receiver = Receiver::start(move |_| (200, answer)).await;
        let accepted = sink(&receiver, Encoding::Elasticsearch, None)
            .deliver(delivery(&events(&["{}", "{}"])))
            .await;
        assert_eq!(accepted.unwrap().refused.len(), 1, "{error}");
    }
}

#[tokio::test]
async fn what_is_de_duplicated_has_a_key_of_its_own_for_each_source() {
    let key = |source: &str, encoding: &Encoding| {
        let one = events(&["{}"]);
        let sent: Vec<&Event> = one.iter().collect();
        let delivery = Delivery {
            source,
            ..delivery(&one)
        };
        let (_, body) = encoding.request(&delivery, &sent);
        let key = crate::model::event_key(source, "p", "id-0");
        assert!(body.contains(&key), "{body}");
        key
    };
    let splunk = Encoding::Splunk(SplunkFields {
        sourcetype: "x".to_owned(),
        index: None,
    });
    for encoding in [Encoding::Elasticsearch, Encoding::Otlp, splunk] {
        assert_ne!(key("contoso", &encoding), key("fabrikam", &encoding));
    }
}
