//! Objects from the input as objects.

use super::map::{Written, write_members_with, write_text};
use crate::json::{Member, Scanner, Shape, Text, Value, Writer};

/// Objects inside objects beyond this depth are JSON text: Elasticsearch refuses a document in which a flattened field is
/// nested deeper than 20.
const DEEPEST: usize = 16;

/// Writes the members of a JSON object as an object, if it is one. Texts stay texts, what else holds one value becomes
/// its text.
#[inline(never)]
pub fn write_object(output: &mut Writer, name: &'static str, text: &[u8]) -> bool {
    let mut members = Vec::new();
    let mut scanner = Scanner::new(text);
    let whole = scanner.collect(&mut members).is_some() && scanner.end().is_some();
    if !whole || members.is_empty() {
        return false;
    }
    let object = output.open(name);
    let writer = NestedWriter {
        lowers: members.iter().any(|member| member.key.raw() == b"Properties"),
    };
    writer.members(output, &members, DEEPEST);
    output.close(object)
}

struct NestedWriter {
    /// Whether names begin with a small letter whatever the client has sent: some write each with a capital.
    lowers: bool,
}

impl NestedWriter {
    #[inline(never)]
    fn members(&self, output: &mut Writer, members: &[Member<'_>], depth: usize) {
        let mut write = |output: &mut Writer, value: Value<'_>| {
            self.value(output, value, depth - 1);
            Written
        };
        if !self.lowers {
            return write_members_with(output, members, &mut write);
        }
        let names: Vec<Vec<u8>> = members.iter().map(|member| lowered(member.key)).collect();
        let pairs = members.iter().zip(&names);
        let members: Vec<Member<'_>> = pairs
            .map(|(member, name)| Member {
                key: if member.key.is_plain() {
                    Text::plain(name)
                } else {
                    member.key
                },
                value: member.value,
            })
            .collect();
        write_members_with(output, &members, &mut write);
    }

    #[inline(never)]
    fn value(&self, output: &mut Writer, value: Value<'_>, depth: usize) {
        match value.shape() {
            Shape::Object(raw) if depth > 0 => {
                let mut members = Vec::new();
                // It has been passed once, so that this cannot fail.
                let _ = Scanner::new(raw).collect(&mut members);
                output.byte(b'{');
                self.members(output, &members, depth);
                output.byte(b'}');
            }
            Shape::Array(raw) if depth > 0 => {
                output.byte(b'[');
                let _ = Scanner::new(raw).elements(|scanner| {
                    let element = scanner.value()?;
                    if !element.says_nothing() {
                        output.separate();
                        self.value(output, element, depth - 1);
                    }
                    Some(())
                });
                output.byte(b']');
            }
            _ => {
                write_text(output, value);
            }
        }
    }
}

/// A name with a small first letter.
#[inline(never)]
fn lowered(name: Text<'_>) -> Vec<u8> {
    let mut name = name.raw().to_vec();
    if let Some(first) = name.first_mut() {
        first.make_ascii_lowercase();
    }
    name
}
