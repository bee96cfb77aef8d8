use super::{PLATFORM, is_service_name};
use crate::facts::{Facts, Kind, Principal, is_email_address};
use crate::json::{Text, Writer};
use crate::record::{Address, Part, Record};

/// Writes `actor` and `src_endpoint`.
pub fn write(output: &mut Writer, record: &Record<'_>, facts: &Facts<'_>) {
    let principal = &facts.principal;
    let service = principal.name().filter(|caller| is_service_name(*caller));
    let actor = output.open("actor");
    let has_user = service.is_none() && user(output, facts);
    output.member("app_uid", principal.claims.app_id);
    if service.is_some() {
        output.member("app_name", service);
    } else if !has_user && principal.claims.app_id.is_none() {
        output.member_bytes("app_name", or_platform(&facts.service()));
    }
    authorization(output, record);
    output.close(actor);
    let endpoint = output.open("src_endpoint");
    match address(facts) {
        Some(address) => output.member_bytes("ip", &address.text),
        None if service.is_some() => output.member("svc_name", service),
        None => output.member_bytes("svc_name", PLATFORM),
    }
    output.close(endpoint);
}

/// Writes the user if the record knows its id or name, one of which the schema wants.
fn user(output: &mut Writer, facts: &Facts<'_>) -> bool {
    let principal = &facts.principal;
    let name = principal.upn().or(principal.name());
    if name.is_none() && principal.object_id().is_none() {
        return false;
    }
    let user = output.open("user");
    output.member("uid", principal.object_id());
    output.member("name", name);
    output.member("email_addr", email(principal));
    output.member("full_name", principal.full_name());
    let (kind, caption) = match principal.kind() {
        Kind::User => (1, "User"),
        Kind::Application => (4, "Service"),
        Kind::System => (3, "System"),
    };
    output.member_number("type_id", kind);
    output.constant("type", caption);
    output.close(user)
}

/// By which right the caller did it: the role or action, and the scope.
fn authorization(output: &mut Writer, record: &Record<'_>) {
    let part = |name| record.text_of(Part::Authorization, name);
    let authorizations = output.open_array("authorizations");
    let element = output.open_element();
    let policy = output.open("policy");
    output.member("name", part("role").or_else(|| part("action")));
    output.member("uid", part("scope"));
    output.close(policy);
    output.close(element);
    output.close_array(authorizations);
}

/// Writes `observables`: what analysts search for across sources.
pub fn observables(output: &mut Writer, facts: &Facts<'_>) {
    let observables = output.open_array("observables");
    if let Some(address) = address(facts) {
        observable(output, "src_endpoint.ip", (2, "IP Address"), &address.text);
    }
    let principal = &facts.principal;
    let person = principal.name().is_none_or(|caller| !is_service_name(caller));
    if let Some(name) = principal.upn().or(principal.name()).filter(|_| person) {
        observable(output, "actor.user.name", (4, "User Name"), &name.decoded());
    }
    if let Some(email) = email(principal) {
        observable(
            output,
            "actor.user.email_addr",
            (5, "Email Address"),
            &email.decoded(),
        );
    }
    if let Some(id) = facts.resource.id.map(Text::decoded) {
        observable(output, "resources[].uid", (10, "Resource UID"), &id);
    }
    output.close_array(observables);
}

fn observable(output: &mut Writer, path: &'static str, kind: (u64, &'static str), value: &[u8]) {
    let element = output.open_element();
    output.constant("name", path);
    output.member_number("type_id", kind.0);
    output.constant("type", kind.1);
    output.member_bytes("value", value);
    output.close(element);
}

/// The address of the request, else of the token; only what is one.
fn address<'f, 'a>(facts: &'f Facts<'a>) -> Option<&'f Address<'a>> {
    [facts.client, facts.token_client()]
        .into_iter()
        .flatten()
        .find(|address| address.is_ip)
}

/// The caller's e-mail address; only what the schema takes for one.
fn email<'a>(principal: &Principal<'a>) -> Option<Text<'a>> {
    principal.email().filter(|email| is_email_address(email.raw()))
}

fn or_platform(name: &[u8]) -> &[u8] {
    if name.is_empty() { PLATFORM } else { name }
}
