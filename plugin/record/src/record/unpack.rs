//! Objects that came as the JSON text of that object. Some clients and pipelines in front of the log leave them so.

use std::borrow::Cow;

use super::{Part, Record, field};
use crate::json::{Member, Scanner, Shape, Value, Writer};

/// What records that went through an Event Hub have in place of `claims` and `authorization`: an object that holds both.
pub(super) const IDENTITY: &str = "identity";

/// The parts that may be inside `identity`.
const INSIDE_IDENTITY: [(&str, Part); 2] = [("authorization", Part::Authorization), ("claims", Part::Claims)];

impl<'a> Record<'a> {
    /// Whether an object may have come as JSON text, or inside another one.
    pub fn is_packed(&self) -> bool {
        self.is_packed
    }

    /// The record with each such object where it belongs. To be read with [`Record::read_unpacked`].
    #[cold]
    pub fn unpacked(&self) -> Vec<u8> {
        let mut members = Vec::new();
        // What stops here has stopped the reading of the record, too.
        let _ = Scanner::new(self.received).collect(&mut members);
        let mut output = Writer::default();
        let document = output.open_document();
        for Member { key, value } in &members {
            output.separate();
            output.text(*key);
            output.byte(b':');
            let is_part = matches!(field::find(*key), Some(field::Known::Part(_)));
            if is_part || key.is(IDENTITY) {
                output.copy(&object(*value));
            } else {
                output.value(*value);
            }
        }
        let identity = members.iter().rev().find(|member| member.key.is(IDENTITY));
        if let Some(identity) = identity {
            self.lift(identity.value, &mut output);
        }
        output.close(document);
        output.written().to_vec()
    }

    /// Copies what the record lacks out of `identity`.
    #[cold]
    fn lift(&self, identity: Value<'_>, output: &mut Writer) {
        let identity = object(identity);
        let mut members = Vec::new();
        // An error costs the members behind it.
        let _ = Scanner::new(&*identity).collect(&mut members);
        for (name, part) in INSIDE_IDENTITY {
            let found = members.iter().rev().find(|member| member.key.is(name));
            let Some(member) = found.filter(|_| self.member_count(part) == 0) else {
                continue;
            };
            output.key(name);
            output.copy(&object(member.value));
        }
    }

    fn member_count(&self, part: Part) -> usize {
        let own = self.part_members(part).len();
        let packed = self.rest.iter().filter(
            |member| matches!(field::find(member.key), Some(field::Known::Part(found)) if found == part),
        );
        own + packed.count()
    }

    /// Reads what [`Record::unpacked`] made of this record. The identity and the bytes as received stay this record's.
    #[cold]
    pub fn read_unpacked<'b>(&self, bytes: &'b [u8]) -> Record<'b>
    where
        'a: 'b,
    {
        let mut record = Record::read(bytes);
        record.received = self.received;
        record.is_line = self.is_line;
        record.oddities = self.oddities;
        record
    }
}

/// An object as it is, or as the JSON text of it says. Of text that is cut off, the members before the end are kept; what
/// is no JSON stays as it is.
#[cold]
fn object(value: Value<'_>) -> Cow<'_, [u8]> {
    let as_is = || {
        let mut output = Writer::default();
        output.value(value);
        Cow::Owned(output.written().to_vec())
    };
    let text = match value.shape() {
        Shape::Object(raw) | Shape::Array(raw) => return Cow::Borrowed(raw),
        Shape::Text(text) => text.decoded(),
        _ => return as_is(),
    };
    let mut scanner = Scanner::new(&*text);
    match scanner.peek() {
        Some(b'{') => {}
        Some(b'[') if scanner.value().is_some() && scanner.end().is_some() => {
            return Cow::Owned(text.into_owned());
        }
        _ => return as_is(),
    }
    let mut members = Vec::new();
    if scanner.collect(&mut members).is_some() && scanner.end().is_some() {
        return Cow::Owned(text.into_owned());
    }
    if members.is_empty() {
        return as_is();
    }
    let mut output = Writer::default();
    let whole = output.open_document();
    for Member { key, value } in members {
        output.separate();
        output.text(key);
        output.byte(b':');
        output.value(value);
    }
    output.close(whole);
    Cow::Owned(output.written().to_vec())
}
