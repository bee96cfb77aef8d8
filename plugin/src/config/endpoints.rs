//! Reads `cloud`: a preset, or endpoints of one's own.

use serde_json::Value;

use super::fields::{Fields, Issues, kind, nearest};
use crate::cloud::{Cloud, Origin, PRESETS};

/// The endpoints; none only if an issue was noted.
pub fn read(fields: &Fields<'_>, issues: &mut Issues) -> Option<Cloud> {
    let names = PRESETS.map(|(name, _, _)| name);
    match fields.value("cloud") {
        None => Cloud::preset("public"),
        Some(Value::String(name)) => {
            let cloud = Cloud::preset(name);
            if cloud.is_none() {
                let near = nearest(name, &names)
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                issues.add(
                    "/cloud",
                    format!("is not a known cloud; {near}Give one of {}, or an object with authority and resource_manager", names.join(", ")),
                );
            }
            cloud
        }
        Some(Value::Object(object)) => {
            let endpoints = Fields::open(object, "/cloud", &["authority", "resource_manager"], issues);
            let authority = endpoint(&endpoints, "authority", issues);
            let resource_manager = endpoint(&endpoints, "resource_manager", issues);
            Some(Cloud {
                authority: authority?,
                resource_manager: resource_manager?,
            })
        }
        Some(other) => {
            issues.add(
                "/cloud",
                format!("must be a name or an object, not {}", kind(other)),
            );
            None
        }
    }
}

/// An origin: https, or http on this very machine.
fn endpoint(fields: &Fields<'_>, key: &str, issues: &mut Issues) -> Option<String> {
    if fields.value(key).is_none() {
        issues.add(
            fields.pointer(key),
            "is missing; give the address, for example https://management.azure.com",
        );
    }
    let text = fields.text(key, issues)?;
    let Some((origin, "" | "/")) = Origin::split(text) else {
        issues.add(
            fields.pointer(key),
            "is not an address of the form https://host or https://host:port without a path",
        );
        return None;
    };
    if origin.scheme == "http" && !origin.is_loopback() {
        issues.add(
            fields.pointer(key),
            "must begin with https: a token or secret would be sent unencrypted",
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_ascii_lowercase())
}
