//! The answer of an OTLP receiver in protobuf: `ExportLogsServiceResponse`, as much of it as matters here.

use super::PartialSuccess;

/// Reads a whole response; none if it is not one. An empty message is a full success.
pub(super) fn partial_success(message: &[u8]) -> Option<PartialSuccess> {
    let mut partial = PartialSuccess::default();
    let mut rest = message;
    while let Some((field, value)) = next_field(&mut rest)? {
        match (field, value) {
            // A message that is sent twice is merged.
            (1, Value::Bytes(bytes)) => read_partial(bytes, &mut partial)?,
            (1, _) => return None,
            _ => {}
        }
    }
    Some(partial)
}

fn read_partial(message: &[u8], partial: &mut PartialSuccess) -> Option<()> {
    let mut rest = message;
    while let Some((field, value)) = next_field(&mut rest)? {
        match (field, value) {
            // An int64; a negative one has its highest bit set.
            (1, Value::Number(number)) => partial.refused = i64::try_from(number).ok()?.try_into().ok()?,
            (2, Value::Bytes(text)) => partial.reason = String::from_utf8_lossy(text).into_owned(),
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some(())
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The next field; `Some(None)` at the end of the message, `None` where it is damaged.
#[expect(clippy::option_option, reason = "an end and a damage are two things")]
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<Option<(u64, Value<'a>)>> {
    if rest.is_empty() {
        return Some(None);
    }
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Fixed)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    let field = key >> 3;
    (field != 0).then_some(Some((field, value)))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_and_damaged_ones_refused() {
        let partial = |refused, reason: &str| {
            Some(PartialSuccess {
                refused,
                reason: reason.to_owned(),
            })
        };
        for (message, expected) in [
            (&b""[..], partial(0, "")),
            (b"\x0a\x00", partial(0, "")),
            (b"\x0a\x02\x08\x02", partial(2, "")),
            (b"\x0a\x06\x08\x02\x12\x02no", partial(2, "no")),
            (b"\x0a\x03\x08\xac\x02", partial(300, "")),
            // Fields of later versions: a number, bytes, fixed ones.
            (
                b"\x18\x01\x22\x01x\x2d1234\x31abcdefgh\x0a\x02\x08\x01",
                partial(1, ""),
            ),
            (b"\x0a\x04\x12\x02\xff\xfe", partial(0, "\u{fffd}\u{fffd}")),
            // Cut off, of the wrong type, negative, JSON.
            (b"\x0a\x02\x08", None),
            (b"\x0a\x05\x08\x02", None),
            (b"\x08\x02", None),
            (b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            (b"{}", None),
            (b"<html>", None),
        ] {
            assert_eq!(partial_success(message), expected, "{message:?}");
        }
    }
}
