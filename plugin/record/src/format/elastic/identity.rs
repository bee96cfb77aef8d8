use std::borrow::Cow;

use crate::facts::{Facts, Kind, is_guid};
use crate::format::map::write_texts;
use crate::json::{Member, Scanner, Shape, Text, Writer, bytes};
use crate::record::{Part, Record};

const SCHEMA: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
const GIVEN_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
const SURNAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";

/// By which right the caller did it: Elastic's name, Azure's.
const EVIDENCE: [(&str, &str); 6] = [
    ("role", "role"),
    ("principal_id", "principalId"),
    ("principal_type", "principalType"),
    ("role_assignment_id", "roleAssignmentId"),
    ("role_assignment_scope", "roleAssignmentScope"),
    ("role_definition_id", "roleDefinitionId"),
];

/// Writes `user`, in which the name is what comes before the `@`.
#[inline(never)]
pub fn user(output: &mut Writer, facts: &Facts<'_>) {
    let user = output.open("user");
    output.member("id", facts.principal.object_id());
    let name = name(facts).map(Text::decoded).unwrap_or_default();
    match bytes::find_last(b'@', &name) {
        Some(at) => {
            output.member_bytes("name", &name[..at]);
            output.member_bytes("domain", &name[at + 1..]);
            output.member_bytes("email", &name);
        }
        None => output.member_bytes("name", &name),
    }
    output.member("full_name", facts.principal.full_name());
    output.close(user);
}

/// Writes `identity`.
#[inline(never)]
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let identity = output.open("identity");
    let authorization = output.open("authorization");
    output.member("action", record.text_of(Part::Authorization, "action"));
    output.member("scope", record.text_of(Part::Authorization, "scope"));
    evidence(output, record, facts);
    output.close(authorization);
    output.repeat(record.part_bytes(Part::Claims), |output| {
        write_texts(output, "claims", record.part_members(Part::Claims));
    });
    let by = output.open("claims_initiated_by_user");
    let name = name(facts);
    output.member("name", name);
    output.member("givenname", record.text_of(Part::Claims, GIVEN_NAME));
    output.member("surname", record.text_of(Part::Claims, SURNAME));
    output.member("fullname", facts.principal.full_name());
    output.member("schema", name.map(|_| Text::constant(SCHEMA)));
    output.close(by);
    output.close(identity);
}

/// The evidence comes with records that went through an Event Hub; without it, what else says who it was.
#[inline(never)]
fn evidence(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let mut members: Vec<Member<'_>> = Vec::new();
    if let Shape::Object(raw) = record.member_of(Part::Authorization, "evidence").shape() {
        // It has been passed once, so that this cannot fail.
        let _ = Scanner::new(raw).collect(&mut members);
    }
    let given = |name: &str| {
        let found = members.iter().rev().find(|member| member.key.is(name));
        found.and_then(|member| member.value.text())
    };
    let evidence = output.open("evidence");
    for (ours, theirs) in EVIDENCE {
        let text = given(theirs).map(Text::decoded);
        let text = text.unwrap_or_else(|| match ours {
            "role" => record
                .text_of(Part::Authorization, "role")
                .map(Text::decoded)
                .unwrap_or_default(),
            "principal_id" => principal_id(facts),
            "principal_type" => match facts.principal.kind() {
                Kind::User => b"User".into(),
                Kind::Application => b"ServicePrincipal".into(),
                Kind::System => Cow::default(),
            },
            _ => Cow::default(),
        });
        output.member_bytes(ours, &text);
    }
    output.close(evidence);
}

/// The id of the caller as the Event Hub writes it: without dashes.
#[inline(never)]
pub fn principal_id<'a>(facts: &Facts<'a>) -> Cow<'a, [u8]> {
    let Some(id) = facts.principal.object_id() else {
        return Cow::default();
    };
    let mut id = id.decoded().into_owned();
    if is_guid(&id) {
        id.retain(|byte| *byte != b'-');
    }
    Cow::Owned(id)
}

/// The name of a person; that of a service principal is no more than its id.
fn name<'a>(facts: &Facts<'a>) -> Option<Text<'a>> {
    let claims = facts.principal.claims;
    claims
        .sign_in_name
        .or(facts.principal.name())
        .filter(|name| !is_guid(name.raw()))
}
