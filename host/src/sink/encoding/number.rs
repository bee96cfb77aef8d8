//! Counts as receivers write them: JSON numbers, text, with a fraction of zero or an exponent.

use serde_json::Value;

/// A count that is not negative; none for anything else. proto3's JSON form allows a 64-bit number as text and either with
/// an exponent, and null for zero.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A floating-point number without a fraction that is exactly a count.
fn whole(number: f64) -> Option<u64> {
    // Beyond 2^53 not every whole number can be told from its neighbours.
    (number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_read_in_every_legal_form() {
        for (value, expected) in [
            (json!(null), Some(0)),
            (json!(2), Some(2)),
            (json!(2.0), Some(2)),
            (json!(2e0), Some(2)),
            (json!("2"), Some(2)),
            (json!(" 2 "), Some(2)),
            (json!("2.0"), Some(2)),
            (json!("2e0"), Some(2)),
            (json!("0.2E1"), Some(2)),
            (json!("18446744073709551615"), Some(u64::MAX)),
            (json!(-1), None),
            (json!("-1"), None),
            (json!(0.5), None),
            (json!("two"), None),
            (json!(""), None),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!(true), None),
            (json!([2]), None),
        ] {
            assert_eq!(count(&value), expected, "{value}");
        }
    }
}
