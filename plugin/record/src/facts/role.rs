use std::borrow::Cow;

use super::Operation;
use super::path::last_segment;
use crate::event::{Field, Part, Record};
use crate::json::{Embedded, Text, bytes};

/// A role that was given to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role<'a> {
    /// The GUID of the role definition, in any letter case.
    pub id: Cow<'a, [u8]>,
    /// Its name and rank, if it is one of the known powerful ones.
    pub known: Option<&'static KnownRole>,
    /// Who got it.
    pub principal_id: Option<Cow<'a, [u8]>>,
    /// Whether it holds for a management group or the whole tenant.
    pub above_subscriptions: bool,
}

/// A built-in role that gives power worth watching.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownRole {
    /// The GUID of its definition, the same in every tenant.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether its holder can give itself everything else.
    pub controls_all: bool,
}

/// The roles that public detection content watches: Panther's lists A (high, here `controls_all`) and B (medium), and
/// Elastic's.
pub const KNOWN_ROLES: [KnownRole; 15] = [
    role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", true),
    role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        true,
    ),
    role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
        true,
    ),
    role("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", true),
    role("fb1c8493-542b-48eb-b624-b4c8fea62acd", "Security Admin", true),
    role(
        "92b92042-07d9-4307-87f7-36a593fc5850",
        "Azure File Sync Administrator",
        true,
    ),
    role(
        "a8889054-8d42-49c9-bc1c-52486c10e7cd",
        "Reservations Administrator",
        true,
    ),
    role("150f5e0c-0603-4f03-8c7f-cf70034c4e90", "Data Purger", true),
    role(
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Key Vault Administrator",
        false,
    ),
    role(
        "8b54135c-b56d-4d72-a534-26097cfdc8d8",
        "Key Vault Data Access Administrator",
        false,
    ),
    role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        false,
    ),
    role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        false,
    ),
    role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        false,
    ),
    role(
        "dffb1e0c-446f-4dde-a09f-99eb5cc68b96",
        "Azure Arc Kubernetes Admin",
        false,
    ),
    role(
        "a001fd3d-188f-4b5d-821b-7da978bf7442",
        "Cognitive Services OpenAI Contributor",
        false,
    ),
];

const fn role(id: &'static str, name: &'static str, controls_all: bool) -> KnownRole {
    KnownRole {
        id,
        name,
        controls_all,
    }
}

impl<'a> Role<'a> {
    /// The role in a role assignment: from the body of the request, which mostly only the start record has, else from
    /// that of the response.
    pub fn of(record: &Record<'a>, operation: &Operation<'_>) -> Option<Self> {
        if !operation.lower.ends_with(b"/roleassignments/write") {
            return None;
        }
        ["requestbody", "responseBody"].into_iter().find_map(|name| {
            let body = Embedded::new(record.text_of(Part::Properties, name)?);
            Role::in_body(&body, record)
        })
    }

    fn in_body(body: &Embedded<'a>, record: &Record<'a>) -> Option<Self> {
        let [id, principal_id, scope] = body.first_texts(["roleDefinitionId", "principalId", "scope"]);
        let id = last_segment(&id?);
        let known = KNOWN_ROLES
            .iter()
            .find(|role| bytes::same_letters(role.id.as_bytes(), &id));
        let scopes = [
            scope,
            record.text_of(Part::Authorization, "scope").map(Text::decoded),
            record.text(Field::ResourceId).map(Text::decoded),
        ];
        let above_subscriptions = scopes.iter().flatten().any(|scope| is_above_subscriptions(scope));
        Some(Role {
            id,
            known,
            principal_id,
            above_subscriptions,
        })
    }
}

/// Whether a scope is the root or a management group. That of an assignment itself begins with the scope it is for.
fn is_above_subscriptions(scope: &[u8]) -> bool {
    let starts = |start: &[u8]| {
        scope
            .get(..start.len())
            .is_some_and(|own| bytes::same_letters(own, start))
    };
    *scope == *b"/"
        || starts(b"/providers/Microsoft.Management/managementGroups/")
        || starts(b"/providers/Microsoft.Authorization/")
}
