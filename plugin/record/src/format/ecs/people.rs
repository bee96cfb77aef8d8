use super::address;
use crate::facts::{Assignee, Category, Facts};
use crate::format::security;
use crate::json::{Scanner, Shape, Text, Value, Writer, bytes};
use crate::record::{Part, Record};

/// Writes `user`, `source`, `client` and `observer`.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    user(output, facts);
    source(output, facts);
    let client = output.open("client");
    address(output, facts.client);
    output.close(client);
    observer(output, record);
}

fn user(output: &mut Writer, facts: &Facts<'_>) {
    let principal = &facts.principal;
    let user = output.open("user");
    output.member("id", principal.object_id());
    output.member("name", principal.name());
    output.member("full_name", principal.full_name());
    if let Some(email) = principal.email() {
        output.member("email", Some(email));
        let decoded = email.decoded();
        let domain = bytes::find_last(b'@', &decoded).map_or(&[][..], |at| &decoded[at + 1..]);
        output.member_bytes("domain", domain);
    }
    let target = output.open("target");
    if let Some(role) = &facts.role {
        let Assignee { id, name, email, .. } = &role.principal;
        for (key, text) in [("id", id), ("full_name", name), ("email", email)] {
            output.member_bytes(key, text.as_deref().unwrap_or_default());
        }
    }
    output.close(target);
    output.close(user);
}

/// As Sekoia's parser names the caller; `source.user.id` of policy events is the caller there.
fn source(output: &mut Writer, facts: &Facts<'_>) {
    let principal = &facts.principal;
    let source = output.open("source");
    address(output, facts.client.or(facts.token_client()));
    let user = output.open("user");
    output.member("name", principal.name());
    output.member("full_name", principal.full_name());
    let caller = principal.caller.filter(|_| facts.category == Category::Policy);
    output.member("id", caller.or(principal.object_id()));
    output.close(user);
    output.close(source);
}

/// What read the record; and `identity.claims.name`, which comes with records that went through an Event Hub first.
fn observer(output: &mut Writer, record: &Record<'_>) {
    let observer = output.open("observer");
    output.constant("vendor", "Headwater");
    output.constant("product", "azure-activity");
    output.constant("version", env!("CARGO_PKG_VERSION"));
    if let Some(identity) = record.rest().iter().find(|member| member.key.is("identity")) {
        output.member("name", claims_name(identity.value));
    }
    output.close(observer);
}

fn claims_name(identity: Value<'_>) -> Option<Text<'_>> {
    member(member(identity, "claims")?, "name")?.text()
}

fn member<'a>(object: Value<'a>, name: &str) -> Option<Value<'a>> {
    let Shape::Object(raw) = object.shape() else {
        return None;
    };
    let mut members = Vec::new();
    Scanner::new(raw).collect(&mut members)?;
    let found = members.iter().rev().find(|member| member.key.is(name));
    found.map(|member| member.value)
}

/// Writes `related`: every address and every name of somebody, once.
pub fn related(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let related = output.open("related");
    let addresses = [facts.client, facts.token_client()];
    let addresses = addresses.map(|address| address.filter(|address| address.is_ip));
    output.member_list(
        "ip",
        &addresses.map(|address| address.map_or(&[][..], |address| &address.text)),
    );
    let principal = &facts.principal;
    let is_alert = facts.category == Category::Security;
    let process_user = record.text_of(Part::Properties, "userName").filter(|_| is_alert);
    let users = [
        principal.name(),
        principal.upn(),
        principal.object_id(),
        process_user,
    ];
    let users = users.map(|user| user.map(Text::decoded).unwrap_or_default());
    let [name, upn, id, process_user] = users.each_ref().map(|user| &**user);
    let target = facts.role.as_ref().map(|role| &role.principal);
    let target_id = target.and_then(|target| target.id.as_deref());
    let target_email = target.and_then(|target| target.email.as_deref());
    let [target_id, target_email] = [target_id, target_email].map(Option::unwrap_or_default);
    output.member_list("user", &[name, upn, id, process_user, target_id, target_email]);
    if is_alert && let Some(host) = security::host(record) {
        output.member_list("hosts", &[&host.decoded()]);
    }
    output.close(related);
}
