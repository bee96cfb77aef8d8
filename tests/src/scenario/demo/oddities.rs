//! Events as they should not be, and are: each differs from the documented form in one respect that has been met.

use chrono::SubsecRound;
use serde_json::{Value, json};

use crate::directory::Scope;
use crate::scenario::actor::DEVELOPER;
use crate::scenario::example::DEVELOPMENT;
use crate::scenario::story::{Story, localized};

/// Tells the oddities, one every other minute.
pub(super) fn tell(story: &mut Story) {
    let changes = [
        // Requests of a managed identity.
        json!({"caller": null, "claims": {}}),
        // February 2024.
        json!({"level": 4}),
        json!({"level": "Information"}),
        // Localizable texts without their object.
        json!({"status": "Succeeded", "operationName": "Microsoft.Web/sites/write", "category": "Administrative"}),
        json!({"authorization": [{"action": "Microsoft.Web/sites/write", "scope": "/"}]}),
        json!({"properties": null, "httpRequest": null, "subStatus": {}}),
        json!({"properties": {"statusCode": "OK", "responseBody": "{\"cut\":\"of"}}),
        json!({"properties": {"statusCode": "OK", "nested": {"list": [1, 2.5, true, null]}}, "newMember": {"a": 1}}),
        json!({"httpRequest": {"clientIpAddress": "not an address", "method": "PUT"}}),
        json!({"description": "emoji \u{1F6B2}, quotes \" and \\, a tab\t and a line\r\nbreak"}),
        json!({"tenantId": "", "channels": null, "correlationId": "", "operationId": ""}),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut event = ordinary(story);
        if let (Some(event), Value::Object(change)) = (event.as_object_mut(), change) {
            event.extend(change);
        }
        let at = story.within(2 * index as u8 + 30);
        story.tell(&scope(), at, 25, event);
    }
    old_names(story);
    short_time(story);
}

fn scope() -> Scope {
    Scope::Subscription(DEVELOPMENT.to_owned())
}

fn ordinary(story: &mut Story) -> Value {
    let correlation = story.random.guid();
    json!({
        "authorization": {"action": "Microsoft.Web/sites/write", "scope": resource()},
        "caller": DEVELOPER.caller,
        "category": localized("Administrative"),
        "correlationId": correlation,
        "operationId": correlation,
        "eventName": {"value": "EndRequest", "localizedValue": "End request"},
        "operationName": localized("Microsoft.Web/sites/write"),
        "resourceGroupName": "rg-sandbox",
        "resourceId": resource(),
        "resourceProviderName": localized("Microsoft.Web"),
        "resourceType": localized("Microsoft.Web/sites"),
        "status": localized("Succeeded"),
        "subStatus": {"value": "OK", "localizedValue": "OK (HTTP Status Code: 200)"},
        "properties": {"statusCode": "OK"},
    })
}

fn resource() -> String {
    format!("/subscriptions/{DEVELOPMENT}/resourceGroups/rg-sandbox/providers/Microsoft.Web/sites/odd")
}

/// The names of 2015: `eventSource` for the category, `resourceUri` for the resource.
fn old_names(story: &mut Story) {
    let mut event = ordinary(story);
    if let Some(fields) = event.as_object_mut() {
        fields.remove("category");
        fields.remove("resourceId");
        fields.insert("eventSource".to_owned(), localized("Administrative"));
        fields.insert("resourceUri".to_owned(), json!(resource()));
    }
    let at = story.within(53);
    story.tell(&scope(), at, 25, event);
}

/// A timestamp without a fraction.
fn short_time(story: &mut Story) {
    let at = story.within(54).trunc_subsecs(0);
    let mut event = ordinary(story);
    event["eventTimestamp"] = json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    story.tell(&scope(), at, 25, event);
}
