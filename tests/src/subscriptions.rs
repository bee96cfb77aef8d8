//! The subscriptions: all that a caller can see, or one.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arm::Call;
use crate::azure::Azure;
use crate::directory::{Role, Subscription};
use crate::link::{self, Position};
use crate::log::Place;
use crate::page::Page;
use crate::refusal::{OrRefusal, bad_request, forbidden};
use crate::token::Token;

impl Azure {
    /// One subscription.
    pub(crate) fn one_subscription(&self, call: &Call<'_>, id: &str) -> OrRefusal<Answer> {
        let subscription = self.subscription_in_reach(call, id)?;
        let Token {
            client_id, issued, ..
        } = &call.token;
        if !self
            .directory
            .may_read_subscription(client_id, *issued, &subscription.id)
        {
            let scope = format!("/subscriptions/{}", subscription.id);
            return Err(forbidden(
                client_id,
                "Microsoft.Resources/subscriptions/read",
                &scope,
            ));
        }
        Ok(Answer::json(StatusCode::OK, &describe(subscription)))
    }

    /// What the caller may do at a subscription: one entry per role.
    pub(crate) fn permissions(&self, call: &Call<'_>, id: &str) -> OrRefusal<Answer> {
        let subscription = self.subscription_in_reach(call, id)?;
        let Token {
            client_id, issued, ..
        } = &call.token;
        let roles = self.directory.roles(client_id, *issued, &subscription.id);
        let entry = |role: &Role| json!({"actions": role.actions(), "notActions": [], "dataActions": [], "notDataActions": []});
        let entries: Vec<Value> = roles.iter().map(entry).collect();
        Ok(Answer::json(StatusCode::OK, &json!({ "value": entries })))
    }

    /// A page of the subscriptions that the caller can see.
    pub(crate) fn list_subscriptions(&mut self, call: &Call<'_>) -> OrRefusal<Answer> {
        if let Some(name) = call.query.other_than(&["api-version", "$skipToken"]) {
            return Err(bad_request(
                "InvalidQueryParameter",
                &format!("The query option '{name}' is not supported."),
            ));
        }
        let first = match call.query.get("$skipToken") {
            None => 0,
            Some(_) => {
                let position = self
                    .follow(call)
                    .map_err(|problem| bad_request("InvalidSkipToken", problem))?;
                position.before.sequence as usize
            }
        };
        let Token {
            client_id,
            tenant,
            issued,
            ..
        } = &call.token;
        let visible: Vec<&Subscription> = self
            .directory
            .subscriptions
            .iter()
            .filter(|subscription| subscription.tenant == *tenant)
            .filter(|subscription| {
                self.directory
                    .may_read_subscription(client_id, *issued, &subscription.id)
            })
            .collect();
        let after = first + self.settings.page_size;
        let page_number = link::page_number(call.target) + 1;
        let link_to = |index: usize| {
            let before = Place {
                ticks: 0,
                sequence: index as u32,
            };
            let version = call.query.get("api-version").unwrap_or_default();
            let position = Position {
                before,
                issued: call.now,
                page: page_number,
            };
            format!(
                "{}{}",
                self.settings.endpoint,
                link::write("/subscriptions", version, "", position)
            )
        };
        let mut page = Page {
            items: visible
                .iter()
                .skip(first)
                .take(self.settings.page_size)
                .map(|subscription| describe(subscription).to_string().into_bytes())
                .collect(),
            next: (after < visible.len()).then(|| Value::String(link_to(after))),
            own_link: format!("{}{}", self.settings.endpoint, call.target),
            again_link: link_to(first),
        };
        if let Some(fault) = call.fault {
            fault.change_page(&mut page, call.bearer);
        }
        Ok(page.into_answer())
    }
}

fn describe(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
        "displayName": subscription.name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}
