//! Records of a directory audit log and of a sign-in log, in the shape of Microsoft Graph's "directoryAudit" and "signIn resource
//! type".

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::example::TENANT;
use crate::directory::Scope;
use crate::event::Event;
use crate::random::Random;
use crate::time::{self, Instant};

/// The directory audit log of the example tenant.
pub fn log() -> Scope {
    Scope::Directory(TENANT.to_owned())
}

/// The sign-in log of the example tenant.
pub fn sign_in_log() -> Scope {
    Scope::SignIns(TENANT.to_owned())
}

/// So many sign-ins, one every `spacing` from `start` on; every fourth has failed.
pub fn sign_ins(count: u32, start: Instant, spacing: TimeDelta) -> impl Iterator<Item = Event> {
    (0..count).map(move |number| {
        let mut random = Random::for_item(0x0051_6915, u64::from(number));
        let time = start + spacing * i32::try_from(number).unwrap_or(i32::MAX);
        let id = random.guid();
        let code = if number % 4 == 3 { 50126 } else { 0 };
        let text = json!({
            "id": id,
            "createdDateTime": time::iso(time),
            "userDisplayName": "Ada",
            "userPrincipalName": "ada@contoso.example",
            "userId": "aaaaaaaa-0000-0000-0000-000000000001",
            "appDisplayName": "Portal",
            "ipAddress": "203.0.113.7",
            "clientAppUsed": "Browser",
            "isInteractive": true,
            "riskLevelDuringSignIn": "none",
            "riskState": "none",
            "resourceDisplayName": "Microsoft Graph",
            "status": { "errorCode": code, "failureReason": "Invalid username or password.", "additionalDetails": null },
        });
        Event::new(&id, time, time, text.to_string())
    })
}

/// What people do all day.
const ACTIVITIES: [(&str, &str, &str); 4] = [
    ("Update user", "UserManagement", "Update"),
    ("Add member to group", "GroupManagement", "Assign"),
    ("Add user", "UserManagement", "Add"),
    ("Update device", "Device", "Update"),
];

/// So many records, one every `spacing` from `start` on. None comes into sight later than `latest` after its time.
pub fn records(
    count: u32,
    start: Instant,
    spacing: TimeDelta,
    latest: TimeDelta,
) -> impl Iterator<Item = Event> {
    (0..count).map(move |number| {
        let mut random = Random::for_item(0x00e7_12a0, u64::from(number));
        let time = start + spacing * i32::try_from(number).unwrap_or(i32::MAX);
        let late = random.below(u64::try_from(latest.num_milliseconds()).unwrap_or(0) + 1);
        let (activity, category, operation) = ACTIVITIES[number as usize % ACTIVITIES.len()];
        let id = format!("Directory_{}_{number}", random.guid());
        let target = json!({ "id": random.guid(), "displayName": "Grace", "type": "User",
            "userPrincipalName": "grace@contoso.example", "groupType": null, "modifiedProperties": [] });
        let text = record(&id, time, activity, category, operation, &[target]).to_string();
        Event::new(&id, time, time + TimeDelta::milliseconds(late as i64), text)
    })
}

/// Somebody gives himself the role Global Administrator.
pub fn role_given(id: &str, time: Instant) -> Event {
    let target = json!({ "id": "bbbbbbbb-0000-0000-0000-000000000002", "displayName": "Grace", "type": "User",
        "userPrincipalName": "grace@contoso.example", "groupType": null, "modifiedProperties": [
            { "displayName": "Role.DisplayName", "oldValue": null, "newValue": "\"Global Administrator\"" },
        ] });
    let text = record(
        id,
        time,
        "Add member to role",
        "RoleManagement",
        "Assign",
        &[target],
    )
    .to_string();
    Event::new(id, time, time, text)
}

fn record(
    id: &str,
    time: Instant,
    activity: &str,
    category: &str,
    operation: &str,
    targets: &[Value],
) -> Value {
    json!({
        "id": id,
        "category": category,
        "correlationId": "cccccccc-0000-0000-0000-000000000003",
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": time::iso(time),
        "loggedByService": "Core Directory",
        "operationType": operation,
        "initiatedBy": {
            "app": null,
            "user": {
                "id": "aaaaaaaa-0000-0000-0000-000000000001",
                "displayName": "Ada",
                "userPrincipalName": "ada@contoso.example",
                "ipAddress": "203.0.113.7",
                "userType": null,
                "homeTenantId": null,
                "homeTenantName": null,
            },
        },
        "targetResources": targets,
        "additionalDetails": [{ "key": "User-Agent", "value": "Mozilla/5.0" }],
    })
}
