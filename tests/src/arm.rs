//! Resource Manager: authentication, the subscriptions, and the way to the activity log.

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, OrRefusal};
use crate::azure::{Azure, bearer};
use crate::directory::{self, Scope, Subscription};
use crate::link::{self, Position};
use crate::log::Place;
use crate::page::Page;
use crate::query::{Plus, Query};
use crate::route::{Endpoint, Route};
use crate::script::Action;
use crate::time::{self, Instant};
use crate::token::Token;

/// The version of the log's API; there is no other stable one.
pub(crate) const LOG_VERSION: &str = "2015-04-01";

/// The versions of the subscriptions API that the lab speaks. The answers do not differ.
const SUBSCRIPTION_VERSIONS: &[&str] = &["2020-01-01", "2022-12-01"];

/// A request of a client that has shown who it is.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) now: Instant,
    pub(crate) token: Token,
    /// Path and query, byte for byte.
    pub(crate) target: &'a str,
    pub(crate) query: Query,
    pub(crate) fault: Option<&'a Action>,
}

impl Azure {
    /// Answers, or refuses.
    pub(crate) fn resource_manager(
        &mut self,
        now: Instant,
        route: &Route,
        target: &str,
        request: &Request<Bytes>,
        fault: Option<&Action>,
    ) -> OrRefusal<Answer> {
        let token = self.authenticate(now, request)?;
        if request.method() != Method::GET {
            let message = format!(
                "The http method '{}' is not supported for this resource.",
                request.method()
            );
            return Err(refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "HttpMethodNotSupported",
                &message,
            ));
        }
        let query = Query::read(request.uri().query().unwrap_or_default(), Plus::Literal)
            .map_err(|error| bad_request("InvalidQueryParameter", &error.to_string()))?;
        check_version(route.endpoint, query.get("api-version"))?;

        let key = self.throttle_key(route, request);
        let left = self.throttle.take_read(&key, now);
        if left.is_none() && self.settings.limit_reads {
            return Err(Box::new(self.throttle.refuse(&key, now, 1, false)));
        }

        let call = Call {
            now,
            token,
            target,
            query,
            fault,
        };
        let answer = match route.endpoint {
            Endpoint::Subscriptions => self.list_subscriptions(&call)?,
            Endpoint::Subscription => {
                let subscription = self.subscription_in_reach(&call, &route.name)?.clone();
                self.check_subscription_read(&call, &subscription)?;
                Answer::json(StatusCode::OK, &describe(&subscription))
            }
            Endpoint::TenantLog => {
                let scope = Scope::Tenant(call.token.tenant.clone());
                self.activity_log(&call, &scope)?
            }
            _ => {
                let scope = Scope::Subscription(self.subscription_in_reach(&call, &route.name)?.id.clone());
                self.activity_log(&call, &scope)?
            }
        };
        let of_tenant = matches!(route.endpoint, Endpoint::Subscriptions | Endpoint::TenantLog);
        let remaining = if of_tenant {
            "x-ms-ratelimit-remaining-tenant-reads"
        } else {
            "x-ms-ratelimit-remaining-subscription-reads"
        };
        let request_id = format!("00000000-0000-4000-8000-{:012x}", self.journal.counts.requests);
        Ok(answer
            .with_header(remaining, &left.unwrap_or(0).to_string())
            .with_header("x-ms-request-id", &request_id)
            .with_header("x-ms-correlation-request-id", &request_id))
    }

    fn authenticate(&self, now: Instant, request: &Request<Bytes>) -> OrRefusal<Token> {
        if !request.headers().contains_key(AUTHORIZATION) {
            let message = "Authentication failed. The 'Authorization' header is missing.";
            return Err(self.unauthorized("AuthenticationFailed", message));
        }
        let Some(text) = bearer(request) else {
            let message =
                "Authentication failed. The 'Authorization' header is provided in an invalid format.";
            return Err(self.unauthorized("AuthenticationFailed", message));
        };
        let Some(token) = self.tokens.find(text) else {
            return Err(self.unauthorized("InvalidAuthenticationToken", "The access token is invalid."));
        };
        if token.expires <= now {
            let message = format!(
                "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                time::iso(token.expires),
                time::iso(now)
            );
            return Err(self.unauthorized("ExpiredAuthenticationToken", &message));
        }
        Ok(token.clone())
    }

    fn unauthorized(&self, code: &str, message: &str) -> Box<Answer> {
        let challenge = format!(
            "Bearer authorization_uri=\"{}\", error=\"invalid_token\"",
            self.settings.endpoint
        );
        let answer = Answer::arm_error(StatusCode::UNAUTHORIZED, code, message);
        Box::new(answer.with_header(WWW_AUTHENTICATE.as_str(), &challenge))
    }

    /// The subscription, if it exists and trusts the tenant of the token.
    fn subscription_in_reach(&self, call: &Call<'_>, id: &str) -> OrRefusal<&Subscription> {
        if !directory::is_guid(id) {
            let message = format!("The provided subscription identifier '{id}' is malformed or invalid.");
            return Err(bad_request("InvalidSubscriptionId", &message));
        }
        let Some(subscription) = self.directory.subscription(id) else {
            let message = format!("The subscription '{id}' could not be found.");
            return Err(refusal(StatusCode::NOT_FOUND, "SubscriptionNotFound", &message));
        };
        if subscription.tenant != call.token.tenant {
            let message = format!(
                "The access token is from the wrong issuer 'https://sts.windows.net/{}/'. It must match the tenant \
                 'https://sts.windows.net/{}/' associated with this subscription.",
                call.token.tenant, subscription.tenant
            );
            return Err(self.unauthorized("InvalidAuthenticationTokenTenant", &message));
        }
        Ok(subscription)
    }

    fn check_subscription_read(&self, call: &Call<'_>, subscription: &Subscription) -> OrRefusal<()> {
        if self
            .directory
            .may_read_subscription(&call.token.client_id, call.token.issued, &subscription.id)
        {
            return Ok(());
        }
        let scope = format!("/subscriptions/{}", subscription.id);
        Err(forbidden(
            &call.token.client_id,
            "Microsoft.Resources/subscriptions/read",
            &scope,
        ))
    }

    fn list_subscriptions(&self, call: &Call<'_>) -> OrRefusal<Answer> {
        if let Some(name) = call.query.other_than(&["api-version", "$skipToken"]) {
            return Err(bad_request(
                "InvalidQueryParameter",
                &format!("The query option '{name}' is not supported."),
            ));
        }
        let first = match call.query.get("$skipToken") {
            None => 0,
            Some(_) => {
                let position = link::read(call.target).filter(|position| self.still_good(position, call.now));
                let position = position
                    .ok_or_else(|| bad_request("InvalidSkipToken", "The skip token is not valid."))?;
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
            fault.change_page(&mut page);
        }
        Ok(page.into_answer())
    }

    /// Whether a link can still be followed.
    pub(crate) fn still_good(&self, position: &Position, now: Instant) -> bool {
        now < position.issued + self.settings.link_life
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Box<Answer> {
    Box::new(Answer::arm_error(status, code, message))
}

fn bad_request(code: &str, message: &str) -> Box<Answer> {
    refusal(StatusCode::BAD_REQUEST, code, message)
}

/// The refusal that a missing role gets.
pub(crate) fn forbidden(client_id: &str, action: &str, scope: &str) -> Box<Answer> {
    let message = format!(
        "The client '{client_id}' with object id '{client_id}' does not have authorization to perform action \
         '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your \
         credentials."
    );
    Box::new(Answer::arm_error(
        StatusCode::FORBIDDEN,
        "AuthorizationFailed",
        &message,
    ))
}

fn check_version(endpoint: Endpoint, version: Option<&str>) -> OrRefusal<()> {
    let known = match endpoint {
        Endpoint::Log | Endpoint::TenantLog => &[LOG_VERSION][..],
        _ => SUBSCRIPTION_VERSIONS,
    };
    match version {
        None | Some("") => Err(bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )),
        Some(version) if !known.contains(&version) => {
            let known = known.join(", ");
            let message =
                format!("The api-version '{version}' is invalid. The supported versions are '{known}'.");
            Err(bad_request("InvalidApiVersionParameter", &message))
        }
        Some(_) => Ok(()),
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
