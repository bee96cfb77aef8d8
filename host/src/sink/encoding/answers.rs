//! Tables of answers, legal and odd ones, and what they mean.

use serde_json::{Value, json};

use super::super::delivery;
use super::*;

fn four() -> Vec<Event> {
    let event = |place: usize| Event {
        id: format!("id-{place}"),
        time: None,
        severity: 0,
        attributes: Vec::new(),
        body: "{}".to_owned(),
    };
    (0..4).map(event).collect()
}

/// What an answer to a request with four events means: how many are accepted, how many refused; none if it means nothing.
fn meaning(encoding: &Encoding, media_type: &str, body: &[u8]) -> Option<(usize, usize)> {
    let four = four();
    let sent: Vec<&Event> = four.iter().collect();
    let reply = Reply::example(200, media_type, body);
    match encoding.read(&reply, &delivery(&four), &sent) {
        RequestOutcome::Accepted => Some((4, 0)),
        RequestOutcome::Refused { .. } => Some((0, 4)),
        RequestOutcome::Some { refused, .. } => {
            let refused = refused.map_or(usize::MAX, |count| count as usize);
            Some((4_usize.saturating_sub(refused), refused))
        }
        RequestOutcome::Each(outcomes) => {
            let count = |wanted: fn(&EventOutcome) -> bool| outcomes.iter().filter(|one| wanted(one)).count();
            let accepted = count(|one| *one == EventOutcome::Accepted);
            Some((accepted, count(|one| matches!(one, EventOutcome::Refused(_)))))
        }
        RequestOutcome::TooLarge { .. } | RequestOutcome::Unavailable(_) => None,
    }
}

#[test]
fn every_legal_answer_of_an_otlp_receiver_is_understood_and_others_accept_nothing() {
    let json = "application/json";
    for (media_type, body, expected) in [
        (json, &b""[..], Some((4, 0))),
        (json, b" \r\n", Some((4, 0))),
        (json, b"{}", Some((4, 0))),
        (json, br#"{"partialSuccess":null}"#, Some((4, 0))),
        (json, br#"{"partialSuccess":{}}"#, Some((4, 0))),
        (
            json,
            br#"{"partialSuccess":{"errorMessage":"slow","rejectedLogRecords":"0"}}"#,
            Some((4, 0)),
        ),
        (
            json,
            br#"{"partialSuccess":{"rejectedLogRecords":null,"errorMessage":null}}"#,
            Some((4, 0)),
        ),
        (
            json,
            br#"{"partialSuccess":{"rejectedLogRecords":2,"errorMessage":null}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"partialSuccess":{"rejectedLogRecords":"2"}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"partialSuccess":{"rejectedLogRecords":2.0}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"partialSuccess":{"rejectedLogRecords":"2e0"}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"partial_success":{"rejected_log_records":2,"error_message":"no"}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"partialSuccess":null,"partial_success":{"rejected_log_records":"2"}}"#,
            Some((2, 2)),
        ),
        (
            json,
            br#"{"later":[1],"partialSuccess":{"rejectedLogRecords":"4","more":{}}}"#,
            Some((0, 4)),
        ),
        (
            "",
            b"\xef\xbb\xbf{\"partialSuccess\":{\"rejectedLogRecords\":\"2\"}}",
            Some((2, 2)),
        ),
        (
            json,
            b"{\"partialSuccess\":{\"rejectedLogRecords\":2,\"errorMessage\":\"\xff\"}}",
            Some((2, 2)),
        ),
        ("application/x-protobuf", b"", Some((4, 0))),
        ("application/x-protobuf", b"\x0a\x02\x08\x02", Some((2, 2))),
        ("", b"\x0a\x02\x08\x02", Some((2, 2))),
        ("application/x-protobuf", b"{}", None),
        (json, b"\x0a\x02\x08\x02", None),
        (json, br#"{"partialSuccess":{"rejectedLogRecords":"5"}}"#, None),
        (json, br#"{"partialSuccess":{"rejectedLogRecords":-1}}"#, None),
        (json, br#"{"partialSuccess":{"rejectedLogRecords":0.5}}"#, None),
        (json, br#"{"partialSuccess":{"rejectedLogRecords":"many"}}"#, None),
        (json, br#"{"partialSuccess":[]}"#, None),
        (json, br#"{"partialSuccess":{"#, None),
        (json, br#"{"code":14,"message":"unavailable","details":[]}"#, None),
        (json, br#"{"error":{"message":"no"}}"#, None),
        (json, br#"{"success":false}"#, None),
        (json, b"[]", None),
        (json, b"null", None),
        (json, b"OK", None),
        ("text/html", b"<!DOCTYPE html><title>Log in</title>", None),
    ] {
        assert_eq!(
            meaning(&Encoding::Otlp, media_type, body),
            expected,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn answers_of_aisoc_are_read_in_every_form_and_others_accept_nothing() {
    let aisoc = Encoding::Aisoc(AisocConnector {
        kind: "activity".to_owned(),
    });
    for (body, expected) in [
        (r#"{"accepted":4,"rejected":0,"errors":[]}"#, Some((4, 0))),
        (r#"{"accepted":4,"rejected":0,"errors":null}"#, Some((4, 0))),
        (r#"{"accepted":"4"}"#, Some((4, 0))),
        (r#"{"accepted":3,"rejected":1,"errors":null}"#, Some((3, 1))),
        (
            r#"{"accepted":3,"rejected":"1","errors":[{"index":2,"error":"x"}]}"#,
            Some((3, 1)),
        ),
        (
            r#"{"accepted":3,"rejected":1.0,"errors":{"2":"x"}}"#,
            Some((3, 1)),
        ),
        (r#"{"rejected":4}"#, Some((0, 4))),
        (r#"{"accepted":3,"errors":["one"]}"#, Some((0, usize::MAX))),
        (r#"{"rejected":"some"}"#, None),
        (r#"{"rejected":5}"#, None),
        (r#"{"status":"ok"}"#, None),
        (r#"{"detail":"not found"}"#, None),
        ("<html>Log in</html>", None),
        ("ok", None),
        ("[]", None),
    ] {
        assert_eq!(
            meaning(&aisoc, "application/json", body.as_bytes()),
            expected,
            "{body}"
        );
    }
}

#[test]
fn only_code_zero_of_splunk_accepts() {
    let splunk = Encoding::Splunk(SplunkFields {
        sourcetype: "x".to_owned(),
        index: None,
    });
    for (body, expected) in [
        (r#"{"text":"Success","code":0}"#, Some((4, 0))),
        (r#"{"text":"Success","code":"0"}"#, Some((4, 0))),
        (r#"{"text":"Success","code":0.0,"ackId":7}"#, Some((4, 0))),
        (r#"{"text":"Server is busy","code":9}"#, None),
        (r#"{"text":"Incorrect index","code":"7"}"#, None),
        (r#"{"text":"Success","code":null}"#, None),
        (r#"{"text":"Success"}"#, None),
        ("", None),
        ("<html><form>Log in", None),
    ] {
        assert_eq!(
            meaning(&splunk, "application/json", body.as_bytes()),
            expected,
            "{body}"
        );
    }
    for body in [r#"{"code":7}"#, r#"{"code":"7"}"#, r#"{"code":14.0}"#] {
        let reply = Reply::example(400, "", body.as_bytes());
        let outcome = splunk.read(&reply, &delivery(&[]), &[]);
        assert!(matches!(outcome, RequestOutcome::Unavailable(_)), "{body}");
    }
}

#[test]
fn outcomes_of_elasticsearch_belong_to_events_by_id() {
    let four = four();
    let keys: Vec<String> = four.iter().map(|event| delivery(&four).key(event)).collect();
    let item = |place: usize, status: u16| {
        let error = (status >= 400).then(|| json!({ "type": "x", "reason": "y" }));
        json!({ "create": { "_id": keys[place], "status": status, "error": error } })
    };
    let read = |answer: Value| {
        let sent: Vec<&Event> = four.iter().collect();
        let reply = Reply::example(200, "application/json", answer.to_string().as_bytes());
        match Encoding::Elasticsearch.read(&reply, &delivery(&four), &sent) {
            RequestOutcome::Each(outcomes) => {
                let letter = |outcome: &EventOutcome| match outcome {
                    EventOutcome::Accepted => 'A',
                    EventOutcome::Refused(_) => 'R',
                    EventOutcome::Later(_) => 'L',
                };
                outcomes.iter().map(letter).collect::<String>()
            }
            other => format!("{other:?}").chars().take(11).collect(),
        }
    };
    let items = |list: &[(usize, u16)]| -> Vec<Value> {
        list.iter().map(|(place, status)| item(*place, *status)).collect()
    };
    for (list, expected) in [
        (vec![(0, 201), (1, 201), (2, 400), (3, 201)], "AARA"),
        (vec![(3, 201), (2, 400), (1, 409), (0, 429)], "LARA"),
        (vec![(0, 201), (1, 201), (2, 201)], "Unavailable"),
        (
            vec![(0, 201), (1, 201), (2, 201), (3, 201), (3, 400)],
            "Unavailable",
        ),
        (vec![(0, 201), (1, 201), (2, 201), (2, 400)], "Unavailable"),
    ] {
        // Whatever the summary says, the outcome of each event counts.
        assert_eq!(
            read(json!({ "errors": false, "items": items(&list) })),
            expected,
            "{list:?}"
        );
    }
    let all_well = items(&[(0, 201), (1, 201), (2, 201), (3, 201)]);
    assert_eq!(read(json!({ "errors": true, "items": all_well })), "Unavailable");
    let mut foreign = all_well.clone();
    foreign[1]["create"]["_id"] = "another".into();
    let mut nameless = all_well.clone();
    nameless[1]["create"]["_id"] = Value::Null;
    let mut odd = all_well.clone();
    odd[1] = json!({ "index": { "_id": keys[1], "status": "400", "error": "a text" } });
    let mut contradictory = all_well.clone();
    contradictory[1]["create"]["error"] = json!({ "type": "x" });
    for (list, expected) in [
        (foreign, "Unavailable"),
        (nameless, "Unavailable"),
        (odd, "ARAA"),
        (contradictory, "ALAA"),
    ] {
        assert_eq!(read(json!({ "items": list })), expected, "{list:?}");
    }
}

#[test]
fn a_web_page_accepts_nothing_whoever_it_is_for() {
    for encoding in [
        Encoding::Ndjson,
        Encoding::Array,
        Encoding::Elasticsearch,
        Encoding::Otlp,
    ] {
        assert_eq!(
            meaning(&encoding, "text/html", b"<html><form action=login>"),
            None,
            "{encoding:?}"
        );
    }
    assert_eq!(meaning(&Encoding::Ndjson, "text/html", b"ok"), Some((4, 0)));
}
