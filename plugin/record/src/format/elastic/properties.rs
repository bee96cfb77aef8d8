use crate::format::map::{cut, write_members_with, write_text};
use crate::format::nested;
use crate::json::{Member, Shape, Text, Writer};
use crate::record::{Part, Record};

/// Members that the integration moves elsewhere.
const MOVED: [&str; 2] = ["eventCategory", "statusMessage"];

/// Members that it gives another name: Azure's, Elastic's.
const RENAMED: [(&str, &str); 2] = [
    ("serviceRequestId", "service_request_id"),
    ("statusCode", "status_code"),
];

/// The body of the request, in which rules look for single members.
const REQUEST: &str = "requestbody";

/// Writes `properties`: texts, and the body of the request as an object.
#[inline(never)]
pub fn write(output: &mut Writer, record: &Record<'_>) {
    let mut members = record.part_members(Part::Properties).to_vec();
    let mut request = None;
    members.retain_mut(|member: &mut Member<'_>| {
        if let Some((_, name)) = RENAMED.iter().find(|(name, _)| member.key.is(name)) {
            member.key = Text::constant(name);
        }
        if member.key.is(REQUEST) {
            request = Some(member.value);
            return false;
        }
        !MOVED.iter().any(|name| member.key.is(name))
    });
    let object = output.open("properties");
    write_members_with(output, &members, &mut write_text);
    if let Some(request) = request {
        let text = match request.shape() {
            Shape::Object(raw) | Shape::Array(raw) => raw.into(),
            _ => request.text().map(Text::decoded).unwrap_or_default(),
        };
        // What is cut off or is no object keeps the type of the other name.
        if !nested::write_object(output, REQUEST, &text) {
            output.member_bytes("requestbody_text", cut(&text));
        }
    }
    output.close(object);
}
