//! A record and a normalizer are used again for the next record, and recognise what they have seen. What comes out is
//! what would come out of each record alone.

use activity_record::event::{Normalizer, Outcome, Settings};
use activity_record::format::Format;
use activity_record::record::Record;
use proptest::prelude::*;
use proptest::sample::select;

/// Claims: usual, of another caller, longer than what is compared at a time, empty, in odd forms, and damaged.
const CLAIMS: [&str; 10] = [
    r#"{"name":"Ada","ipaddr":"203.0.113.24"}"#,
    r#"{"name":"Bob","ipaddr":"203.0.113.24"}"#,
    r#"{"name":"Ada","http://schemas.microsoft.com/identity/claims/objectidentifier":"7b0f1b2c-3d4e-4f50-9a6b-7c8d9e0f1a2b"}"#,
    r#"{"name":"Ada","ipaddr":"203.0.113.24","ver":"1.0"}"#,
    "{}",
    "null",
    r#"[{"name":"Ada","ipaddr":"203.0.113.24"}]"#,
    r#"{"name": "Ada", "ipaddr": "203.0.113.24"}"#,
    "{\"name\":\"A\tda\",\"ipaddr\":\"203.0.113.24\"}",
    r#"{"name":"Ada","ipaddr":"203.0.113.24""#,
];

/// Localizable fields, as Azure writes them and otherwise.
const LABELS: [&str; 8] = [
    r#"{"value":"Started","localizedValue":"Started"}"#,
    r#"{"value":"Failed","localizedValue":"Failed"}"#,
    r#"{"localizedValue":"Started","value":"Succeeded"}"#,
    r#"{"value":"Started","localizedValue":"Started","more":1}"#,
    r#"{"value":"Started","localizedValue":"Started","value":"Failed"}"#,
    r#"{"value": "Started","localizedValue":null}"#,
    r#"{"value":7}"#,
    r#""Started""#,
];

fn record() -> impl Strategy<Value = String> {
    let parts = (
        select(&CLAIMS[..]),
        select(&CLAIMS[..]),
        select(&LABELS[..]),
        0..600,
    );
    parts.prop_map(|(claims, properties, status, kind)| {
        format!(
            r#"{{"claims":{claims},"eventDataId":"e7e7","operationName":{{"value":"Microsoft.Test/kind{kind}/delete","localizedValue":"x"}},"status":{status},"eventTimestamp":"2026-01-15T09:25:31Z","properties":{properties}}}"#
        )
    })
}

fn normalizer(format: Format) -> Normalizer {
    Normalizer::new(Settings {
        format,
        drop: Vec::new(),
        severity: Vec::new(),
        ..Settings::default()
    })
}

fn alone(format: Format, record: &str) -> Outcome {
    normalizer(format).apply(&Record::read(record.as_bytes()))
}

proptest! {
    #[test]
    fn what_came_before_changes_nothing(records in prop::collection::vec(record(), 1..12)) {
        for format in Format::ALL {
            let mut normalizer = normalizer(format);
            let mut read = Record::default();
            for record in &records {
                read.read_next(record.as_bytes().into());
                prop_assert_eq!(normalizer.apply(&read), alone(format, record));
            }
        }
    }
}
