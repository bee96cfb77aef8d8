//! What an alert of Defender says about who was hit, and with what aim.

use super::members::{Names, members};
use crate::json::{Scanner, Shape, Text, Value, Writer, bytes};
use crate::record::{Part, Record};

const NAMES: &Names = &[
    ("compromised_entity", &["compromisedEntity"]),
    (
        "attacked_resource_type",
        &["attackedResourceType", "resourceType"],
    ),
    ("action_taken", &["actionTaken"]),
    ("user_name", &["userName"]),
];

/// Writes `security`.
#[cold]
pub fn write(output: &mut Writer, record: &Record<'_>) {
    let object = output.open("security");
    members(output, record, NAMES);
    intent(output, record, "intent");
    output.close(object);
}

/// Writes the tactics that an alert names.
#[inline(never)]
pub fn intent(output: &mut Writer, record: &Record<'_>, name: &'static str) {
    let tactics = list(record.member_of(Part::Properties, "intent"));
    let tactics: Vec<&[u8]> = tactics.iter().map(Vec::as_slice).collect();
    output.member_list(name, &tactics);
}

/// The name of the machine that was hit, if it was one.
#[cold]
pub fn host<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    let property = |name| record.text_of(Part::Properties, name);
    let kind = property("attackedResourceType").or(property("resourceType"))?;
    let kind = bytes::lower(&kind.decoded());
    let is_machine = kind.windows(7).any(|word| word == b"machine");
    property("compromisedEntity").filter(|_| is_machine)
}

/// The texts of a list: a real one, JSON text, or words with commas between them.
#[cold]
fn list(value: Value<'_>) -> Vec<Vec<u8>> {
    let decoded = match value.shape() {
        Shape::Array(raw) => raw.into(),
        _ => value.text().map(Text::decoded).unwrap_or_default(),
    };
    let mut texts = Vec::new();
    let mut scanner = Scanner::new(&*decoded);
    if scanner.peek() == Some(b'[') {
        // An error ends the list early, which is what is wanted.
        let _ = scanner.elements(|scanner| {
            let element = scanner.value()?;
            texts.extend(element.text().map(|text| text.decoded().into_owned()));
            Some(())
        });
    } else {
        let words = decoded.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        texts.extend(words.map(<[u8]>::to_vec));
    }
    texts
}
