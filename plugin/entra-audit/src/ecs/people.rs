//! Who did it, from where, and to whom.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use crate::facts::Facts;

/// A name for whoever did it.
pub fn actor_name<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    [
        "/initiatedBy/user/userPrincipalName",
        "/initiatedBy/user/displayName",
        "/initiatedBy/app/displayName",
        "/initiatedBy/app/servicePrincipalName",
        "/initiatedBy/user/id",
        "/initiatedBy/app/servicePrincipalId",
        "/initiatedBy/app/appId",
    ]
    .into_iter()
    .find_map(|pointer| facts.text(pointer))
}

/// `user`: a person or an application, and the user that it was done to.
pub fn user(facts: &Facts<'_>) -> Value {
    let principal = facts.text("/initiatedBy/user/userPrincipalName");
    let id = facts
        .text("/initiatedBy/user/id")
        .or_else(|| facts.text("/initiatedBy/app/servicePrincipalId"));
    json!({
        "id": id,
        "name": actor_name(facts),
        "full_name": facts.text("/initiatedBy/user/displayName"),
        "email": principal.filter(|name| name.contains('@')),
        "domain": principal.and_then(domain),
        "target": target(facts),
    })
}

/// The user that it was done to.
fn target(facts: &Facts<'_>) -> Value {
    let Some(user) = facts.target(&["User"]) else {
        return Value::Null;
    };
    let principal = user.text("userPrincipalName");
    json!({
        "id": user.text("id"),
        "name": principal.or_else(|| user.text("displayName")),
        "full_name": user.text("displayName"),
        "email": principal.filter(|name| name.contains('@')),
        "domain": principal.and_then(domain),
        "roles": facts.role().map(|role| vec![role]),
    })
}

/// `source`: where the request came from.
pub fn source(facts: &Facts<'_>) -> Value {
    json!({ "address": facts.text("/initiatedBy/user/ipAddress"), "ip": ip(facts) })
}

/// `related`: every address and every name of a user above.
pub fn related(facts: &Facts<'_>) -> Value {
    let actor = [
        "/initiatedBy/user/id",
        "/initiatedBy/user/userPrincipalName",
        "/initiatedBy/app/servicePrincipalId",
        "/initiatedBy/app/displayName",
    ];
    let mut users: BTreeSet<&str> = actor
        .into_iter()
        .filter_map(|pointer| facts.text(pointer))
        .collect();
    for user in facts.targets().filter(|target| target.kind() == Some("User")) {
        users.extend(user.text("id"));
        users.extend(user.text("userPrincipalName"));
    }
    json!({ "ip": ip(facts).map(|ip| vec![ip]), "user": users })
}

fn ip(facts: &Facts<'_>) -> Option<IpAddr> {
    address(facts.text("/initiatedBy/user/ipAddress")?)
}

/// An address, without a port, if it is one.
pub fn address(text: &str) -> Option<IpAddr> {
    let without_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(without_port)
}

/// What follows the `@` of a name.
pub fn domain(name: &str) -> Option<&str> {
    Some(name.rsplit_once('@')?.1)
}
