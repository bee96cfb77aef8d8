//! Odd records: what each costs, and that it costs no more.

use azure_activity::event::{Normalizer, Outcome, Settings};
use azure_activity::format::Format;
use azure_activity::json::DEEPEST;
use azure_activity::page::{self, PageError};
use azure_activity::record::Record;
use azure_activity::rules;
use proptest::prelude::*;
use serde_json::{Value, json};

fn apply(format: Format, raw: &[u8]) -> (Outcome, Vec<(&'static str, u64)>) {
    let settings = Settings {
        format,
        drop: rules::default_drop(),
        severity: Vec::new(),
        ..Settings::default()
    };
    let mut normalizer = Normalizer::new(settings);
    let outcome = normalizer.apply(&Record::read(raw));
    (outcome, normalizer.take_anomalies())
}

fn ecs(record: &Value) -> Value {
    match apply(Format::Ecs, record.to_string().as_bytes()).0 {
        Outcome::Event(event) => serde_json::from_str(&event.body).expect("bodies are JSON"),
        other => panic!("{record}: {other:?}"),
    }
}

/// A usual record with one member replaced.
fn with(key: &str, value: Value) -> Value {
    let mut record = json!({
        "eventDataId": "00000000-0000-4000-8000-000000000001",
        "eventTimestamp": "2026-01-15T09:00:00.1234567Z",
        "submissionTimestamp": "2026-01-15T09:01:00Z",
        "category": {"value": "Administrative"},
        "operationName": {"value": "Microsoft.Web/sites/write"},
        "status": {"value": "Succeeded"},
        "level": "Informational",
        "caller": "ada@contoso.com",
        "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/shop",
        "claims": {"ipaddr": "203.0.113.24", "name": "Ada"},
        "properties": {"statusCode": "Created"},
    });
    record[key] = value;
    record
}

#[test]
fn an_odd_value_costs_its_own_field_and_no_other() {
    let odd = [
        json!(null),
        json!(7),
        json!(-1.5e300),
        json!(true),
        json!([]),
        json!([1, {"value": "x"}]),
        json!({}),
        json!({"value": null}),
        json!({"value": {"value": "x"}}),
        json!(""),
        json!("  "),
        json!("{\"value\":\"x\"}"),
    ];
    let keys = [
        "category",
        "operationName",
        "status",
        "level",
        "caller",
        "resourceId",
        "claims",
        "properties",
        "authorization",
        "httpRequest",
        "subStatus",
        "tenantId",
        "submissionTimestamp",
        "description",
        "eventName",
    ];
    for key in keys {
        for value in &odd {
            let record = with(key, value.clone());
            let body = ecs(&record);
            assert_eq!(
                body["event"]["id"], "00000000-0000-4000-8000-000000000001",
                "{record}"
            );
            assert_eq!(body["@timestamp"], "2026-01-15T09:00:00.123456Z", "{record}");
            for (other, pointer, expected) in [
                ("caller", "/user/name", "ada@contoso.com"),
                ("status", "/event/outcome", "success"),
                ("category", "/azure/activity_logs/category", "Administrative"),
                ("operationName", "/event/action", "Microsoft.Web/sites/write"),
                ("claims", "/source/ip", "203.0.113.24"),
            ] {
                if other != key {
                    assert_eq!(
                        body.pointer(pointer).and_then(Value::as_str),
                        Some(expected),
                        "{other} in {record}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_spelling_of_a_value_means_the_same() {
    for (key, value, pointer, expected) in [
        ("status", json!("Success"), "/event/outcome", json!("success")),
        (
            "status",
            json!({"value": "canceled"}),
            "/event/outcome",
            json!("failure"),
        ),
        (
            "status",
            json!({"value": "In Progress"}),
            "/event/outcome",
            json!("unknown"),
        ),
        (
            "status",
            json!({"value": "Started"}),
            "/azure/activity_logs/phase",
            json!("start"),
        ),
        (
            "status",
            json!({"value": "ACCEPTED"}),
            "/azure/activity_logs/phase",
            json!("accepted"),
        ),
        ("level", json!(1), "/log/level", json!("Critical")),
        ("level", json!("2"), "/event/severity", json!(47)),
        ("level", json!("warning"), "/event/severity", json!(21)),
        ("level", json!("Information"), "/log/level", json!("Information")),
        (
            "category",
            json!("ADMINISTRATIVE"),
            "/event/category/0",
            json!("api"),
        ),
        (
            "eventTimestamp",
            json!("2026-01-15T10:00:00+01:00"),
            "/@timestamp",
            json!("2026-01-15T09:00:00Z"),
        ),
        (
            "eventTimestamp",
            json!("2026-01-15T09:00:00.65Z"),
            "/@timestamp",
            json!("2026-01-15T09:00:00.65Z"),
        ),
        (
            "eventTimestamp",
            json!("2026-01-15T.1234567Z"),
            "/@timestamp",
            json!("2026-01-15T09:01:00Z"),
        ),
        (
            "eventTimestamp",
            json!("nonsense"),
            "/@timestamp",
            json!("2026-01-15T09:01:00Z"),
        ),
        (
            "caller",
            json!(" ada@contoso.com "),
            "/user/email",
            json!("ada@contoso.com"),
        ),
        (
            "claims",
            json!({"IPADDR": "203.0.113.24:443"}),
            "/source/ip",
            json!("203.0.113.24"),
        ),
        (
            "claims",
            json!({"ipaddr": "127.0.0.0/8"}),
            "/source/address",
            json!("127.0.0.0/8"),
        ),
        ("claims", json!({"oid": "o"}), "/user/id", json!("o")),
        (
            "properties",
            json!({"STATUSCODE": "Created"}),
            "/http/response/status_code",
            json!(201),
        ),
        (
            "subStatus",
            json!({"localizedValue": "Conflict (HTTP Status Code: 409)"}),
            "/http/response/status_code",
            json!(409),
        ),
    ] {
        let record = with(key, value);
        assert_eq!(ecs(&record).pointer(pointer), Some(&expected), "{record}");
    }
}

#[test]
fn what_is_no_record_is_rejected_with_its_bytes() {
    for (raw, reason) in [
        ("null", "it is not a JSON object"),
        ("[1]", "it is not a JSON object"),
        ("\"text\"", "it is not a JSON object"),
        (r#"{"id":"a""#, "it is cut off after 9 bytes"),
        (r#"{"id":"a",}"#, "byte 10 is not valid JSON"),
        (r#"{"id":"a"}}"#, "byte 10 is not valid JSON"),
        (r#"{"id":"a","x":01}"#, "byte 14 is not valid JSON"),
        (r#"{"id":"a","x":NaN}"#, "byte 14 is not valid JSON"),
        (r#"{"id":"a","x":"\q"}"#, "byte 16 is not valid JSON"),
        (r#"{"id":"a"}"#, "it has no time between the years 1970 and 2554"),
        (
            r#"{"id":"a","eventTimestamp":"0001-01-01T00:00:00Z"}"#,
            "it has no time between the years 1970 and 2554",
        ),
    ] {
        for format in Format::ALL {
            let Outcome::Rejected(rejected) = apply(format, raw.as_bytes()).0 else {
                panic!("{raw}")
            };
            assert_eq!(
                (rejected.reason.as_str(), rejected.raw.as_slice()),
                (reason, raw.as_bytes()),
                "{raw}"
            );
            assert_eq!(
                rejected.id.as_deref(),
                raw.contains(r#""id":"a""#).then_some("a"),
                "{raw}"
            );
        }
    }
}

#[test]
fn broken_text_is_repaired_and_counted() {
    for (text, kind) in [
        (&b"caf\xe9"[..], "invalid_utf8"),
        (b"tab\there", "repaired_text"),
        (br"half \ud83d of a pair", "repaired_text"),
    ] {
        let raw = [
            br#"{"id":"a","eventTimestamp":"2026-01-15T09:00:00Z","category":"Administrative","caller":""#,
            text,
            br#""}"#,
        ]
        .concat();
        for format in Format::ALL {
            let (outcome, anomalies) = apply(format, &raw);
            let Outcome::Event(event) = outcome else {
                panic!("{outcome:?}")
            };
            serde_json::from_str::<Value>(&event.body)
                .unwrap_or_else(|error| panic!("{error}: {}", event.body));
            assert!(anomalies.contains(&(kind, 1)), "{kind} in {anomalies:?}");
        }
    }
}

#[test]
fn deep_nesting_leaves_as_text_or_rejected() {
    for (depth, embeds) in [(DEEPEST - 1, true), (DEEPEST + 1, false), (100_000, false)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let raw =
            format!(r#"{{"id":"a","eventTimestamp":"2026-01-15T09:00:00Z","properties":{{"deep":{deep}}}}}"#);
        for format in Format::ALL {
            let is_event = matches!(apply(format, raw.as_bytes()).0, Outcome::Event(_));
            assert_eq!(
                is_event,
                embeds || !format.embeds(),
                "{} at {depth}",
                format.name()
            );
        }
    }
}

#[test]
fn names_that_come_to_one_are_written_once() {
    let record = with(
        "properties",
        json!({"a.b": "first", "a_b": "second", "c": "", "C": "kept"}),
    );
    assert_eq!(
        ecs(&record)["azure"]["activity_logs"]["properties"],
        json!({"a_b": "second", "C": "kept"})
    );
    let many: serde_json::Map<_, _> = (0..500)
        .flat_map(|n| [(format!("k.{n}"), json!("x")), (format!("k_{n}"), json!("y"))])
        .collect();
    let record = with("properties", Value::Object(many));
    let body = ecs(&record);
    let written = body["azure"]["activity_logs"]["properties"].as_object().unwrap();
    assert_eq!(written.len(), 500);
}

#[test]
fn an_identity_is_found_or_made_and_stable() {
    let id = |raw: &str| Record::read(raw.as_bytes()).id().map(str::to_owned);
    assert_eq!(id(r#"{"eventDataId":"a","id":"b"}"#).as_deref(), Some("a"));
    assert_eq!(id(r#"{"eventDataId":" ","id":"b"}"#).as_deref(), Some("b"));
    assert_eq!(id(r#"{"eventDataId":17}"#).as_deref(), Some("17"));
    let made = id(r#"{"correlationId":"c"}"#).unwrap();
    assert_eq!(made, id(r#"{"correlationId":"c"}"#).unwrap());
    assert_ne!(made, id(r#"{"correlationId":"d"}"#).unwrap());
}

proptest! {
    #[test]
    fn any_bytes_are_survived_as_page_and_as_record(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = page::read([Ok::<_, PageError>(bytes.clone())], |_| Some(()));
        for format in Format::ALL {
            let _ = apply(format, &bytes);
        }
    }

    #[test]
    fn a_damaged_record_is_an_event_of_valid_json_or_rejected_whole(place in 0_usize..2_000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut raw = include_bytes!("../../fixtures/events/policy-deny.json").to_vec();
        let place = place % raw.len();
        if cut { raw.truncate(place) } else { raw[place] = byte }
        for format in Format::ALL {
            match apply(format, &raw).0 {
                Outcome::Event(event) => {
                    let body: Result<Value, _> = serde_json::from_str(&event.body);
                    prop_assert!(body.is_ok() && !event.body.contains('\n'), "{}", event.body);
                }
                Outcome::Rejected(rejected) => prop_assert_eq!(&rejected.raw, &raw),
                Outcome::Dropped { .. } => {}
            }
        }
    }

    #[test]
    fn a_broken_element_costs_no_other(place in 1_usize..60, byte in proptest::sample::select(b"}]:,x0\\ ".to_vec())) {
        let mut broken = br#"{"id":"b","properties":{"list":[1,2,{"k":"v"}]},"level":4}"#.to_vec();
        let place = 9 + place % (broken.len() - 10);
        prop_assume!(broken[place] != b'"' && byte != b'\\' || broken[place + 1] != b'"');
        broken[place] = byte;
        let quotes = broken.iter().filter(|byte| **byte == b'"').count();
        prop_assume!(quotes % 2 == 0);
        let body = [br#"{"value":[{"id":"a"},"#.as_slice(), &broken, br#",{"id":"c"}]}"#].concat();
        let mut first = None;
        let _ = page::read([Ok::<_, PageError>(body)], |record| {
            first.get_or_insert_with(|| record.raw().to_vec());
            Some(())
        });
        prop_assert_eq!(first.as_deref(), Some(br#"{"id":"a"}"#.as_slice()));
    }
}
