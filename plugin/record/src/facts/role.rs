use std::borrow::Cow;

use super::path::last_segment;
use super::{Operation, Verb};
use crate::json::{Embedded, Text, bytes};
use crate::pattern;
use crate::record::{Field, LocalizableString, Part, Record};

/// A role that was given to somebody, or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role<'a> {
    /// The GUID of the role definition, in any letter case; empty if the record names it only.
    pub id: Cow<'a, [u8]>,
    /// The name that the record gives it.
    pub given_name: Option<Cow<'a, [u8]>>,
    /// Its name and rank, if it is one of the known powerful ones.
    pub known: Option<&'static KnownRole>,
    /// Whose role it is.
    pub principal: Assignee<'a>,
    /// Whether it holds for a management group or the whole tenant.
    pub above_subscriptions: bool,
    /// What was done with it.
    pub change: RoleChange,
}

/// Whose role it is, as far as the record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignee<'a> {
    /// The id in the directory.
    pub id: Option<Cow<'a, [u8]>>,
    /// The name for people.
    pub name: Option<Cow<'a, [u8]>>,
    /// The e-mail address.
    pub email: Option<Cow<'a, [u8]>>,
    /// `User`, `Group` or `ServicePrincipal`.
    pub kind: Option<Cow<'a, [u8]>>,
}

/// What was done with a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// Somebody got it, for a time or not, or may now activate it.
    Granted,
    /// Somebody lost it.
    Removed,
    /// Neither: a request was refused or withdrawn, or the rules for the role were changed.
    Neither,
}

impl RoleChange {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            RoleChange::Granted => "granted",
            RoleChange::Removed => "removed",
            RoleChange::Neither => "neither",
        }
    }
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

/// The types whose operations name a role and somebody in their bodies.
const ASSIGNMENTS: [&[u8]; 8] = [
    b"roleassignments",
    b"roleassignmentschedules",
    b"roleassignmentscheduleinstances",
    b"roleassignmentschedulerequests",
    b"roleeligibilityschedules",
    b"roleeligibilityscheduleinstances",
    b"roleeligibilityschedulerequests",
    b"classicadministrators",
];

/// What Privileged Identity Management calls itself as a provider.
const PRIVILEGED_IDENTITY: &str = "azurerbac";

/// What its words for the end of a role contain, in lower case.
const REMOVING: [&[u8]; 5] = [b"remove", b"revoke", b"deactivat", b"unassign", b"expire"];

/// What its words contain where nobody gets or loses a role.
const LEAVING: [&[u8]; 5] = [b"denied", b"deny", b"cancel", b"setting", b"alert"];

impl<'a> Role<'a> {
    /// The role that a record is about: from the body of the request, which mostly only the start record has, completed
    /// from that of the response; or from the details of Privileged Identity Management.
    pub fn of(record: &Record<'a>, operation: &Operation<'_>, privileged_identity: bool) -> Option<Self> {
        let in_bodies = match operation.verb {
            Verb::Write | Verb::Delete if is_assignment(&operation.lower) => {
                Role::in_bodies(record, operation.verb)
            }
            _ => None,
        };
        match in_bodies {
            None if privileged_identity => Role::in_details(record, operation),
            in_bodies => in_bodies,
        }
    }

    #[cold]
    fn in_bodies(record: &Record<'a>, verb: Verb) -> Option<Self> {
        const NAMES: [&str; 7] = [
            "roleDefinitionId",
            "principalId",
            "scope",
            "requestType",
            "principalType",
            "emailAddress",
            "role",
        ];
        let mut found: [Option<Cow<'a, [u8]>>; NAMES.len()] = Default::default();
        for body in ["requestbody", "responseBody"] {
            let Some(body) = Embedded::in_value(record.member_of(Part::Properties, body)) else {
                continue;
            };
            for (slot, text) in found.iter_mut().zip(body.first_texts(NAMES)) {
                *slot = slot.take().or(text);
            }
            if found[0].is_some() && found[1].is_some() {
                break;
            }
        }
        let [id, principal_id, scope, request, kind, email, name] = found;
        if id.is_none() && email.is_none() {
            return None;
        }
        let id = id.map(|id| last_segment(&id)).unwrap_or_default();
        let removes = request.is_some_and(|request| contains_any(&bytes::lower(&request), &REMOVING));
        Some(Role {
            known: KnownRole::by_id(&id),
            given_name: name.filter(|_| id.is_empty()),
            id,
            principal: Assignee {
                id: principal_id,
                name: None,
                email,
                kind,
            },
            above_subscriptions: is_for_all(record, scope),
            change: if removes || verb == Verb::Delete {
                RoleChange::Removed
            } else {
                RoleChange::Granted
            },
        })
    }

    #[cold]
    fn in_details(record: &Record<'a>, operation: &Operation<'_>) -> Option<Self> {
        let detail = |name| record.text_of(Part::Properties, name).map(Text::decoded);
        let name = detail("RoleDefinition");
        let id = detail("RoleDefinitionOriginId")
            .map(|id| last_segment(&id))
            .unwrap_or_default();
        if id.is_empty() && name.is_none() {
            return None;
        }
        let known = match &name {
            Some(name) if id.is_empty() => KnownRole::by_name(name),
            _ => KnownRole::by_id(&id),
        };
        let subject = detail("SubjectName");
        let is_address = |subject: &Cow<'_, [u8]>| bytes::contains(subject, b'@');
        let words = [
            bytes::lower(&detail("ActionType").unwrap_or_default()),
            bytes::lower(&detail("EventName").unwrap_or_default()),
            operation.lower.clone(),
        ];
        let is_any = |parts: &[&[u8]]| words.iter().any(|word| contains_any(word, parts));
        let principal = Assignee {
            id: detail("SubjectID"),
            email: subject.clone().filter(is_address),
            name: subject.filter(|subject| !is_address(subject)),
            kind: None,
        };
        let group = record.text_of(Part::Properties, "ResourceType");
        Some(Role {
            id,
            given_name: name,
            known,
            above_subscriptions: is_for_all(record, None)
                || group.is_some_and(|kind| kind.is("managementgroup")),
            change: if is_any(&REMOVING) {
                RoleChange::Removed
            } else if is_any(&LEAVING) || principal == Assignee::default() {
                RoleChange::Neither
            } else {
                RoleChange::Granted
            },
            principal,
        })
    }

    /// Its name, as far as it is known.
    pub fn name(&self) -> &[u8] {
        match (self.known, &self.given_name) {
            (Some(known), _) => known.name.as_bytes(),
            (None, Some(name)) => name,
            (None, None) => &[],
        }
    }
}

impl KnownRole {
    #[inline(never)]
    fn by_id(id: &[u8]) -> Option<&'static KnownRole> {
        KNOWN_ROLES
            .iter()
            .find(|role| bytes::same_letters(role.id.as_bytes(), id))
    }

    #[inline(never)]
    fn by_name(name: &[u8]) -> Option<&'static KnownRole> {
        KNOWN_ROLES
            .iter()
            .find(|role| bytes::same_letters(role.name.as_bytes(), name))
    }
}

/// Whether Privileged Identity Management wrote a record. Its operations are sentences, in the language of whoever asked.
pub fn is_privileged_identity(record: &Record<'_>, operation: &Operation<'_>) -> bool {
    let is_own = |text: Text<'_>| text.is(PRIVILEGED_IDENTITY);
    if record
        .label(LocalizableString::RESOURCE_PROVIDER)
        .value()
        .is_some_and(is_own)
    {
        return true;
    }
    let detail = |name| record.text_of(Part::Properties, name);
    !bytes::contains(&operation.lower, b'/')
        && (detail("ResourceProviderName").is_some_and(is_own)
            || detail("RoleDefinitionOriginId")
                .or(detail("RoleDefinition"))
                .is_some())
}

fn is_assignment(operation: &[u8]) -> bool {
    let (before, _) = pattern::last_segment(operation);
    let (_, kind) = pattern::last_segment(before);
    ASSIGNMENTS.contains(&kind)
}

#[inline(never)]
fn contains_any(text: &[u8], parts: &[&[u8]]) -> bool {
    let has = |part: &&[u8]| text.windows(part.len()).any(|window| window == *part);
    parts.iter().any(has)
}

/// Whether the scope in a body, that of the authorization or the resource is above every subscription.
#[inline(never)]
fn is_for_all<'a>(record: &Record<'a>, scope: Option<Cow<'a, [u8]>>) -> bool {
    let scopes = [
        scope,
        record.text_of(Part::Authorization, "scope").map(Text::decoded),
        record.text(Field::ResourceId).map(Text::decoded),
    ];
    scopes.iter().flatten().any(|scope| is_above_subscriptions(scope))
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
