//! Odd records, always the same: the fixtures with members of every shape that JSON has, under every kind of name, in every
//! place.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Numbers that are spread, and the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Values that no schema expects.
fn values() -> Vec<Value> {
    let deep = (0..44).fold(json!("x"), |inner, level| json!({ format!("l{level}"): [inner] }));
    let wide: Map<String, Value> = (0..5_000)
        .map(|member| (format!("m{member}"), json!(member)))
        .collect();
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("2026-01-15"),
        json!("2026-01-15T09:00:00.1234567Z"),
        json!("17"),
        json!("203.0.113.7"),
        json!("300.0.113.7:99999"),
        json!("{\"a\":{\"b\":[1,{\"c\":null}]}}"),
        json!("{\"cut\":\"off"),
        json!("[1,2"),
        json!("x".repeat(40_000)),
        json!("ä€😀\u{0}\u{1b}\"\\".repeat(300)),
        json!([]),
        json!({}),
        json!([null, 1, "a", {"b": 2}, [3]]),
        json!({"value": 7, "localizedValue": ["x"]}),
        json!({"value": {"value": "x"}}),
        json!({"a": {"b": {"c": 1}}, "a.b": {"c": "x"}, "a.b.c": [true]}),
        json!(["2026-01-15", 17]),
        deep,
        Value::Object(wide),
    ]
}

/// Names that readers stumble over.
fn names() -> Vec<String> {
    let long = "n".repeat(300);
    [
        "",
        " ",
        ".",
        "..",
        ".a",
        "a.",
        "a..b",
        "a.b.c",
        "*",
        "a b",
        "ä",
        "\u{0}",
        "_id",
        "_source",
        "@timestamp",
        "value",
        "event.original",
        "$ref",
        "__proto__",
        "A",
        "a",
        long.as_str(),
        "http://schemas.example/claims/upn",
        "x/y\\z",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// So many records, each with an id of its own.
pub fn records(count: usize) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/events");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let fixtures: Vec<Value> = files
        .iter()
        .map(|file| serde_json::from_slice(&fs::read(file).expect("a readable file")).expect("it is JSON"))
        .collect();
    let (values, names, mut dice) = (values(), names(), Dice(7));
    let record = |number: usize| {
        let mut record = fixtures[number % fixtures.len()].clone();
        let members = record.as_object_mut().expect("a record");
        for _ in 0..1 + dice.below(4) {
            // A known member, one inside a known member, or one that nobody knows.
            let known: Vec<String> = members.keys().cloned().collect();
            let place = known[dice.below(known.len())].clone();
            let value = values[dice.below(values.len())].clone();
            let name = names[dice.below(names.len())].clone();
            match (dice.below(3), members.get_mut(&place)) {
                (0, Some(member)) => *member = value,
                (1, Some(Value::Object(inner))) => {
                    let inside: Vec<String> = inner.keys().cloned().collect();
                    let name = inside.get(dice.below(inside.len() + 1)).cloned().unwrap_or(name);
                    inner.insert(name, value);
                }
                _ => {
                    members.insert(name, value);
                }
            }
        }
        members.insert("eventDataId".to_owned(), json!(format!("odd-{number}")));
        // Without any time there would be no event.
        members.insert("eventTimestamp".to_owned(), json!("2026-01-15T09:00:00Z"));
        record.to_string().into_bytes()
    };
    (0..count).map(record).collect()
}
