use crate::facts::Facts;
use crate::json::{Text, Writer};

/// The id of the resource in capitals, as the Event Hub writes it: Elastic's rules compare it so.
#[inline(never)]
pub fn id(facts: &Facts<'_>) -> Vec<u8> {
    let id = facts.resource.id.map(Text::decoded).unwrap_or_default();
    id.to_ascii_uppercase()
}

/// Writes `resource`: the id and what it is made of.
#[inline(never)]
pub fn write(output: &mut Writer, id: &[u8]) {
    let resource = output.open("resource");
    output.member_bytes("id", id);
    let mut rest = id;
    if let Some((_, behind)) = after(rest, b"/SUBSCRIPTIONS/") {
        rest = behind;
    }
    if let Some((group, behind)) = after(rest, b"/RESOURCEGROUPS/") {
        output.member_bytes("group", group);
        rest = behind;
    }
    if let Some(path) = rest.strip_prefix(b"/PROVIDERS/") {
        provider(output, path);
    }
    output.close(resource);
}

/// Writes the provider with the type of the resource, and the rest of the path as its name.
#[inline(never)]
fn provider(output: &mut Writer, path: &[u8]) {
    let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if let [provider, b"NAMESPACES", namespace, b"AUTHORIZATIONRULES", rule] = segments[..] {
        output.member_bytes("provider", provider);
        output.member_bytes("namespace", namespace);
        output.member_bytes("authorization_rule", rule);
        return;
    }
    let (kind, name) = segments.split_at(segments.len().min(2));
    output.member_bytes("provider", &kind.join(&b'/'));
    output.member_bytes("name", &name.join(&b'/'));
}

/// The segment behind a start of the path, and what follows that segment.
fn after<'p>(path: &'p [u8], start: &[u8]) -> Option<(&'p [u8], &'p [u8])> {
    let rest = path.strip_prefix(start)?;
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    Some(rest.split_at(end))
}
