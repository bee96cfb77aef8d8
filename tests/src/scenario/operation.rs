//! A request to Resource Manager, and the two or three events that it leaves in the log.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::directory::Scope;
use crate::scenario::actor::Actor;
use crate::scenario::story::{Story, localized, resource_type};

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 200 OK.
    Done,
    /// 201 Created.
    Created,
    /// 202 Accepted, and done a minute later: three events instead of two.
    DoneLater,
    /// 403, for lack of a role.
    Forbidden,
    /// 409.
    Conflict,
}

impl Outcome {
    /// The words of `status` and `subStatus`, and the HTTP status.
    fn words(self) -> (&'static str, &'static str, u16) {
        match self {
            Outcome::Done | Outcome::DoneLater => ("Succeeded", "OK", 200),
            Outcome::Created => ("Succeeded", "Created", 201),
            Outcome::Forbidden => ("Failed", "Forbidden", 403),
            Outcome::Conflict => ("Failed", "Conflict", 409),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) subscription: &'a str,
    /// The resource group; empty for an operation on the subscription itself.
    pub(crate) group: &'a str,
    /// Provider, types and names, for example `Microsoft.Compute/virtualMachines/web-01`.
    pub(crate) resource: &'a str,
    /// For example `Microsoft.Compute/virtualMachines/start/action`.
    pub(crate) action: &'a str,
    pub(crate) actor: Actor,
    pub(crate) outcome: Outcome,
    /// What the request carries.
    pub(crate) body: Option<Value>,
}

impl Operation<'_> {
    /// Writes the events into the story, the first of them within this minute.
    pub(crate) fn tell(&self, story: &mut Story, minute: u8) {
        let scope = Scope::Subscription(self.subscription.to_owned());
        let start = story.within(minute);
        let correlation = story.random.guid();
        let event = |story: &mut Story, offset: i64, phase: &str, status: &str, properties: Value| {
            let mut event = self.common(story, &correlation);
            event["claims"] = self.actor.claims(start);
            event["eventName"] = match phase {
                "BeginRequest" => json!({"value": phase, "localizedValue": "Begin request"}),
                "EndRequest" => json!({"value": phase, "localizedValue": "End request"}),
                _ => localized(phase),
            };
            event["status"] = localized(status);
            event["properties"] = properties;
            (start + TimeDelta::milliseconds(offset), delay(story), event)
        };

        let mut properties =
            json!({"eventCategory": "Administrative", "entity": self.path(), "message": self.action});
        if let Some(body) = &self.body {
            properties["requestbody"] = json!(body.to_string());
        }
        let (at, delay, mut begin) = event(story, 0, "BeginRequest", "Started", properties);
        begin["subStatus"] = json!({"value": "", "localizedValue": ""});
        story.tell(&scope, at, delay, begin);

        let mut end_offset = 1_450;
        if self.outcome == Outcome::DoneLater {
            end_offset = 42_000;
            let (at, delay, mut accepted) = event(
                story,
                900,
                "EndRequest",
                "Accepted",
                json!({"statusCode": "Accepted"}),
            );
            accepted["subStatus"] = sub_status("Accepted", 202);
            story.tell(&scope, at, delay, accepted);
        }

        let (status, word, number) = self.outcome.words();
        let mut properties = json!({"statusCode": word, "serviceRequestId": null, "entity": self.path()});
        if status == "Failed" {
            let code = if number == 403 {
                "AuthorizationFailed"
            } else {
                "ScopeLocked"
            };
            let message = json!({"error": {"code": code, "message": "The request was refused."}});
            properties["statusMessage"] = json!(message.to_string());
        }
        let (at, delay, mut end) = event(story, end_offset, "EndRequest", status, properties);
        end["subStatus"] = sub_status(word, number);
        if status == "Failed" {
            end["level"] = json!("Error");
        }
        if let Some(fields) = end.as_object_mut() {
            // Often only the first event of a request has it.
            fields.remove("httpRequest");
        }
        story.tell(&scope, at, delay, end);
    }

    /// What all events of the request share.
    fn common(&self, story: &mut Story, correlation: &str) -> Value {
        let provider = self.resource.split('/').next().unwrap_or_default();
        let path = self.path();
        let method = match self.action.rsplit('/').next() {
            Some("write") => "PUT",
            Some("delete") => "DELETE",
            _ => "POST",
        };
        let mut event = json!({
            "authorization": {"action": self.action, "scope": path},
            "caller": self.actor.caller,
            "category": localized("Administrative"),
            "correlationId": correlation,
            "operationId": correlation,
            "operationName": localized(self.action),
            "resourceId": path,
            "resourceProviderName": localized(provider),
            "resourceType": localized(&resource_type(self.resource)),
            "httpRequest": {
                "clientRequestId": story.random.guid(),
                "clientIpAddress": self.actor.address,
                "method": method,
            },
        });
        if !self.group.is_empty() {
            event["resourceGroupName"] = json!(self.group);
        }
        event
    }

    fn path(&self) -> String {
        let group = if self.group.is_empty() {
            String::new()
        } else {
            format!("/resourceGroups/{}", self.group)
        };
        format!(
            "/subscriptions/{}{group}/providers/{}",
            self.subscription, self.resource
        )
    }
}

/// Seconds until an event is in sight: mostly some tens, one in eight many minutes.
fn delay(story: &mut Story) -> i64 {
    if story.random.below(8) == 0 {
        story.random.below(20 * 60) as i64
    } else {
        15 + story.random.below(60) as i64
    }
}

fn sub_status(word: &str, number: u16) -> Value {
    json!({"value": word, "localizedValue": format!("{word} (HTTP Status Code: {number})")})
}
