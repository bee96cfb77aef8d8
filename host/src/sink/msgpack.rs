//! Just enough MessagePack for the Forward protocol: JSON values, times, frames.

use serde_json::Value;

/// Appends a JSON value.
pub(super) fn value(out: &mut Vec<u8>, json: &Value) {
    match json {
        Value::Null => out.push(0xc0),
        Value::Bool(flag) => out.push(if *flag { 0xc3 } else { 0xc2 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => unsigned(out, number),
            (None, Some(number)) => sized(out, 0xd3, &number.to_be_bytes()),
            (None, None) => sized(out, 0xcb, &number.as_f64().unwrap_or(f64::NAN).to_be_bytes()),
        },
        Value::String(string) => text(out, string),
        Value::Array(items) => {
            array(out, items.len());
            items.iter().for_each(|item| value(out, item));
        }
        Value::Object(fields) => {
            map(out, fields.len());
            for (key, field) in fields {
                text(out, key);
                value(out, field);
            }
        }
    }
}

/// Appends a number.
pub(super) fn unsigned(out: &mut Vec<u8>, number: u64) {
    match u8::try_from(number) {
        Ok(small) if small < 0x80 => out.push(small),
        _ => sized(out, 0xcf, &number.to_be_bytes()),
    }
}

/// Appends a text.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let length = text.len();
    match (u8::try_from(length), u32::try_from(length)) {
        (Ok(small), _) if small < 32 => out.push(0xa0 | small),
        (Ok(small), _) => out.extend([0xd9, small]),
        // A text of 4 GiB cannot come out of a sandbox.
        (_, length) => sized(out, 0xdb, &length.unwrap_or(u32::MAX).to_be_bytes()),
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends the head of an array.
pub(super) fn array(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(small) if small < 16 => out.push(0x90 | small),
        _ => sized(
            out,
            0xdd,
            &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes(),
        ),
    }
}

/// Appends the head of a map.
pub(super) fn map(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(small) if small < 16 => out.push(0x80 | small),
        _ => sized(
            out,
            0xdf,
            &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes(),
        ),
    }
}

/// Appends an `EventTime` of the Forward protocol: seconds and nanoseconds, 32 bits each.
pub(super) fn time(out: &mut Vec<u8>, nanoseconds: u64) {
    let seconds = u32::try_from(nanoseconds / 1_000_000_000).unwrap_or(u32::MAX);
    let rest = (nanoseconds % 1_000_000_000) as u32;
    sized(out, 0xd7, &[0]);
    out.extend(seconds.to_be_bytes());
    out.extend(rest.to_be_bytes());
}

fn sized(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_the_specification_says() {
        for (json, expected) in [
            (json!(null), &[0xc0][..]),
            (json!(true), &[0xc3]),
            (json!(127), &[0x7f]),
            (json!(128), &[0xcf, 0, 0, 0, 0, 0, 0, 0, 128]),
            (json!(-1), &[0xd3, 255, 255, 255, 255, 255, 255, 255, 255]),
            (json!(0.5), &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
            (json!("ab"), &[0xa2, b'a', b'b']),
            (json!([1, []]), &[0x92, 1, 0x90]),
            (json!({ "a": {} }), &[0x81, 0xa1, b'a', 0x80]),
        ] {
            let mut out = Vec::new();
            value(&mut out, &json);
            assert_eq!(out, expected, "{json}");
        }
    }

    #[test]
    fn lengths_choose_their_marker() {
        for (length, head) in [
            (31, &[0xbf][..]),
            (32, &[0xd9, 32]),
            (255, &[0xd9, 255]),
            (256, &[0xdb, 0, 0, 1, 0]),
        ] {
            let mut out = Vec::new();
            text(&mut out, &"x".repeat(length));
            assert_eq!(
                (&out[..head.len()], out.len()),
                (head, head.len() + length),
                "{length}"
            );
        }
        let mut out = Vec::new();
        array(&mut out, 16);
        map(&mut out, 16);
        assert_eq!(out, [0xdd, 0, 0, 0, 16, 0xdf, 0, 0, 0, 16]);
    }
}
