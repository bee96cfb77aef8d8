use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::{Member, Shape, Text, Value, Writer};

/// Up to this many members are compared with each other; more go through a hash table, so that time stays linear.
const FEW: usize = 64;

/// The longest text in an open-ended field, in bytes.
const LONGEST: usize = 30_000;

/// What stands for an empty name, which Elasticsearch refuses.
const NAMELESS: &str = "_";

/// Writes members from the input as an object of texts: what is no text becomes its JSON text, empty values are left
/// out. A dot in a name becomes `_`, since many readers take it for nesting. Of members that come to one name the last
/// counts.
#[inline(never)]
pub fn write_texts(output: &mut Writer, name: &'static str, members: &[Member<'_>]) {
    let object = output.open(name);
    write_members(output, members);
    output.close(object);
}

/// Says that a value has been written.
pub struct Written;

fn write_members(output: &mut Writer, members: &[Member<'_>]) {
    write_members_with(output, members, &mut write_text);
}

/// Writes a value as text. Longer texts are cut: Elasticsearch and OpenSearch refuse a document with a term of more than
/// 32,766 bytes, the path of it included, and Azure cuts bodies at 32,768.
pub fn write_text(output: &mut Writer, value: Value<'_>) -> Written {
    let long = match value.shape() {
        Shape::Text(text) if text.raw().len() > LONGEST => text.decoded(),
        Shape::Number(raw) | Shape::Object(raw) | Shape::Array(raw) if raw.len() > LONGEST => raw.into(),
        _ => {
            output.value_as_text(value);
            return Written;
        }
    };
    output.string(cut(&long));
    Written
}

/// The start of a text that is too long, without half a character at its end.
pub fn cut(text: &[u8]) -> &[u8] {
    let Some(next) = text.get(LONGEST) else {
        return text;
    };
    let is_inside = |byte: &u8| byte & 0xc0 == 0x80;
    let start = text[..LONGEST].iter().rposition(|byte| !is_inside(byte));
    match start {
        Some(start) if is_inside(next) => &text[..start],
        _ => &text[..LONGEST],
    }
}

/// Writes members, each value in some way.
#[inline(never)]
pub fn write_members_with(
    output: &mut Writer,
    members: &[Member<'_>],
    write: &mut dyn FnMut(&mut Writer, Value<'_>) -> Written,
) {
    let last_by_name = (members.len() > FEW).then(|| {
        let filled = members
            .iter()
            .enumerate()
            .filter(|(_, member)| !member.value.says_nothing());
        filled
            .map(|(index, member)| (written_name(member.key), index))
            .collect::<HashMap<_, _>>()
    });
    let doubtful = if last_by_name.is_some() {
        u64::MAX
    } else {
        doubtful(members)
    };
    for (index, member) in members.iter().enumerate() {
        if member.value.says_nothing() {
            continue;
        }
        let shadowed = || match &last_by_name {
            Some(last) => last.get(&written_name(member.key)) != Some(&index),
            None => members[index + 1..]
                .iter()
                .any(|later| same_name(member.key, later.key) && !later.value.says_nothing()),
        };
        if doubtful >> (index % FEW) & 1 == 1 && shadowed() {
            continue;
        }
        match member.key.raw() {
            [] => output.key(NAMELESS),
            _ => output.foreign_key(member.key),
        }
        let Written = write(output, member.value);
    }
}

/// Which of a few members, one bit each, might have the name of a later one: those whose names are as long and end alike.
fn doubtful(members: &[Member<'_>]) -> u64 {
    let mut seen = 0_u64;
    let mut doubtful = 0;
    for (index, member) in members.iter().enumerate().rev() {
        let raw = or_nameless(member.key);
        let last = raw.last().copied().unwrap_or_default();
        // Names with escapes may be written like any other; dots and underscores are written alike.
        let kind = match (member.key.is_plain(), last) {
            (false, _) => u64::MAX,
            (true, b'.') => 1 << ((raw.len() + usize::from(b'_')) % FEW),
            (true, _) => 1 << ((raw.len() + usize::from(last)) % FEW),
        };
        doubtful |= u64::from(seen & kind != 0) << index;
        seen |= kind;
    }
    doubtful
}

/// The bytes of a name, or what stands for it.
fn or_nameless(key: Text<'_>) -> &[u8] {
    match key.raw() {
        [] => NAMELESS.as_bytes(),
        raw => raw,
    }
}

fn written_name(key: Text<'_>) -> Cow<'_, [u8]> {
    let mut name = key.decoded();
    if name.is_empty() {
        return Cow::Borrowed(NAMELESS.as_bytes());
    }
    let is_replaced = |byte: &u8| matches!(*byte, b'.' | 0);
    if name.iter().any(is_replaced) {
        let replaced = name.to_mut().iter_mut().filter(|byte| is_replaced(byte));
        replaced.for_each(|byte| *byte = b'_');
    }
    name
}

/// Whether two members come to one name.
fn same_name(one: Text<'_>, other: Text<'_>) -> bool {
    if !(one.is_plain() && other.is_plain()) {
        return written_name(one) == written_name(other);
    }
    let (one, other) = (or_nameless(one), or_nameless(other));
    let same = |(a, b): (&u8, &u8)| a == b || matches!((a, b), (b'.' | b'_', b'.' | b'_'));
    one.len() == other.len() && one.iter().zip(other).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Scanner;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = |character: &str| character.repeat(LONGEST);
        assert_eq!(cut(long("a").as_bytes()).len(), LONGEST);
        for character in ["é", "€", "😀"] {
            let text = format!("a{}", long(character));
            let start = cut(text.as_bytes());
            assert!(std::str::from_utf8(start).is_ok(), "{character}");
            assert!(start.len() > LONGEST - 4, "{character}");
        }
        assert_eq!(cut(b"short"), b"short");
    }

    #[test]
    fn no_name_is_written_twice() {
        for (object, expected) in [
            (r#"{"a.b":"1","a_b":"2"}"#, r#""o":{"a_b":"2"}"#),
            (r#"{"":"1","_":"2"}"#, r#""o":{"_":"2"}"#),
            (r#"{".":"1","":"2"}"#, r#""o":{"_":"2"}"#),
            (r#"{"_":"1","":""}"#, r#""o":{"_":"1"}"#),
            (r#"{"\u0061":"1","a":"2"}"#, r#""o":{"a":"2"}"#),
        ] {
            let mut members = Vec::new();
            assert!(Scanner::new(object.as_bytes()).collect(&mut members).is_some());
            let mut output = Writer::default();
            write_texts(&mut output, "o", &members);
            assert_eq!(String::from_utf8_lossy(output.written()), expected, "{object}");
        }
    }
}
