//! Events as Fluent Bit's records: `[[time, metadata], map]` in MessagePack.

use std::time::{SystemTime, UNIX_EPOCH};

use headwater::model::{Attribute, Event, event_key};
use rmpv::Value;

/// The extension type of a time: seconds and nanoseconds, 32 bits each, big-endian.
const EVENT_TIME: i8 = 0;
/// So many bytes of records go into a chunk at once. Fluent Bit closes a chunk of two megabytes.
const PIECE: usize = 1 << 20;

/// Records that are appended at once.
pub type Piece = Vec<u8>;

/// Where events come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The name of the source.
    pub source: &'a str,
    /// The partition.
    pub partition: &'a str,
    /// Its name for people; may be empty.
    pub title: &'a str,
    /// What is true of all its events.
    pub attributes: &'a [Attribute],
}

/// The records of events, in their order, in pieces.
pub fn pieces(origin: &Origin<'_>, events: &[Event]) -> Vec<Piece> {
    let mut pieces = vec![Vec::new()];
    for event in events {
        if pieces.last().is_some_and(|piece| piece.len() >= PIECE) {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            // Writing to memory does not fail.
            let _ = rmpv::encode::write_value(piece, &record(origin, event));
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn record(origin: &Origin<'_>, event: &Event) -> Value {
    // Checked when the batch arrived; a body that cannot be taken apart would still go out, as text in a record.
    let body: Value = serde_json::from_str(&event.body).unwrap_or(Value::Nil);
    let body = match body {
        Value::Map(_) => body,
        _ => Value::Map(vec![("message".into(), event.body.as_str().into())]),
    };
    let key = event_key(origin.source, origin.partition, &event.id);
    let mut metadata: Vec<(Value, Value)> = vec![
        ("headwater.source".into(), origin.source.into()),
        ("headwater.partition".into(), origin.partition.into()),
        ("log.record.uid".into(), key.into()),
    ];
    if !origin.title.is_empty() {
        metadata.push(("headwater.partition.title".into(), origin.title.into()));
    }
    if event.severity > 0 {
        metadata.push(("severity_number".into(), event.severity.into()));
    }
    // What is true of the event itself counts more.
    for attribute in event.attributes.iter().chain(origin.attributes) {
        let name = Value::from(attribute.name.as_str());
        if !metadata.iter().any(|(known, _)| *known == name) {
            metadata.push((name, attribute.value.as_str().into()));
        }
    }
    let time = time(event.time.unwrap_or_else(now));
    Value::Array(vec![Value::Array(vec![time, Value::Map(metadata)]), body])
}

/// For an event whose time is not known.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

fn time(nanoseconds: u64) -> Value {
    let seconds = u32::try_from(nanoseconds / 1_000_000_000).unwrap_or(u32::MAX);
    let rest = (nanoseconds % 1_000_000_000) as u32;
    Value::Ext(EVENT_TIME, [seconds.to_be_bytes(), rest.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    fn event(id: &str, body: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: Some(1_764_000_000_123_456_789),
            severity: 9,
            attributes: vec![
                attribute("a", "of the event"),
                attribute("log.record.uid", "theirs"),
            ],
            body: body.to_owned(),
        }
    }

    fn decoded(mut bytes: &[u8]) -> Vec<Value> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            values.push(rmpv::decode::read_value(&mut bytes).unwrap());
        }
        values
    }

    #[test]
    fn a_record_is_the_body_as_a_map_with_its_time_and_what_is_known_about_it() {
        let origin = Origin {
            source: "contoso",
            partition: "p",
            title: "P",
            attributes: &[
                attribute("a", "of the partition"),
                attribute("b", "of the partition"),
            ],
        };
        let pieces = pieces(&origin, &[event("1", r#"{"b":{"c":[1,null,true]},"a":"x"}"#)]);
        let [record] = &decoded(&pieces[0])[..] else {
            panic!("one record")
        };
        assert_eq!(record[1].to_string(), r#"{"b": {"c": [1, nil, true]}, "a": "x"}"#);
        let seconds = 1_764_000_000_u32.to_be_bytes();
        let rest = 123_456_789_u32.to_be_bytes();
        assert_eq!(record[0][0], Value::Ext(0, [seconds, rest].concat()));
        let metadata = &record[0][1];
        assert_eq!(metadata["headwater.source"], "contoso".into());
        assert_eq!(metadata["headwater.partition"], "p".into());
        assert_eq!(metadata["headwater.partition.title"], "P".into());
        assert_eq!(metadata["log.record.uid"], event_key("contoso", "p", "1").into());
        assert_eq!(metadata["severity_number"], 9.into());
        assert_eq!(metadata["a"], "of the event".into());
        assert_eq!(metadata["b"], "of the partition".into());
        assert_eq!(metadata.as_map().unwrap().len(), 7, "each name once");
    }

    #[test]
    fn many_events_become_pieces_of_whole_records_in_order() {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
        let events: Vec<Event> = (0..10).map(|number| event(&number.to_string(), &body)).collect();
        let origin = Origin {
            source: "s",
            partition: "p",
            title: "",
            attributes: &[],
        };
        let pieces = pieces(&origin, &events);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() < PIECE + 400_000));
        let records: Vec<Value> = pieces.iter().flat_map(|piece| decoded(piece)).collect();
        let keys: Vec<&Value> = records
            .iter()
            .map(|record| &record[0][1]["log.record.uid"])
            .collect();
        let expected: Vec<Value> = events
            .iter()
            .map(|event| event_key("s", "p", &event.id).into())
            .collect();
        assert_eq!(keys, expected.iter().collect::<Vec<_>>());
        assert!(super::pieces(&origin, &[]).is_empty());
    }
}
