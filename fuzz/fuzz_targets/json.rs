//! The scanner against serde_json: what one accepts as clean JSON the other accepts, and both read the same.
#![no_main]

use azure_activity::json::{DEEPEST, StructuralIndex, Scanner, Shape, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let marks = StructuralIndex::of(bytes);
    let mut scanner = Scanner::new(marks.marked());
    let value = scanner.value().filter(|_| scanner.end().is_some());
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
    match (value, theirs) {
        (None, Ok(theirs)) => panic!("refused what serde_json reads as {theirs}"),
        (Some(_), Err(error)) => {
            // Tolerated, and told: raw control characters. Tolerated silently, and replaced when written: invalid UTF-8. The
            // other reader's bounds are its own: nesting, and numbers beyond an f64.
            let bounds = error.to_string();
            let tolerated = scanner.dirty()
                || scanner.too_deep()
                || std::str::from_utf8(bytes).is_err()
                || bounds.starts_with("recursion limit")
                || bounds.starts_with("number out of range")
                || bounds.contains("surrogate")
                || bounds.contains("hex escape");
            assert!(tolerated, "accepted what serde_json refuses: {error}");
        }
        (Some(value), Ok(theirs)) => compare(value, &theirs, 0),
        (None, Err(_)) => {}
    }
});

fn compare(value: Value<'_>, theirs: &serde_json::Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match theirs {
        serde_json::Value::String(text) => {
            let Shape::Text(ours) = value.shape() else { panic!("{theirs} is a string") };
            assert_eq!(ours.to_str(), text.as_str());
        }
        serde_json::Value::Object(members) => {
            let Shape::Object(object) = value.shape() else { panic!("{theirs} is an object") };
            let mut found = Vec::new();
            Scanner::new(object).collect(&mut found).expect("it was accepted before");
            for member in &found {
                let key = member.key.to_str();
                let last = found.iter().rev().find(|other| other.key.to_str() == key);
                let theirs = members.get(&*key).expect("the same names");
                compare(last.expect("itself").value, theirs, depth + 1);
            }
        }
        _ => {}
    }
}
