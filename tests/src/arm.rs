//! Resource Manager: what every request must have before the subscriptions or a log answer it.

use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::arrival::Arrival;
use crate::azure::Azure;
use crate::directory::Scope;
use crate::link::{self, Position};
use crate::query::{Plus, Query};
use crate::refusal::{OrRefusal, bad_request, refusal};
use crate::route::Endpoint;
use crate::script::Action;
use crate::time::Instant;
use crate::token::Token;

/// The version of the log's API; there is no other stable one.
pub(crate) const LOG_VERSION: &str = "2015-04-01";

/// The version of the permissions API that the lab speaks.
const PERMISSIONS_VERSION: &str = "2022-04-01";

/// The versions of the subscriptions API that the lab speaks. The answers do not differ.
const SUBSCRIPTION_VERSIONS: &[&str] = &["2020-01-01", "2022-12-01"];

/// A request of a client that has shown who it is.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) now: Instant,
    pub(crate) token: Token,
    /// The token's text.
    pub(crate) bearer: &'a str,
    /// Path and query, byte for byte.
    pub(crate) target: &'a str,
    pub(crate) query: Query,
    pub(crate) fault: Option<&'a Action>,
}

impl Azure {
    /// Answers, or refuses.
    pub(crate) fn resource_manager(
        &mut self,
        arrival: &Arrival<'_>,
        fault: Option<&Action>,
    ) -> OrRefusal<Answer> {
        let Arrival {
            now,
            route,
            target,
            request,
        } = arrival;
        let (now, token) = (*now, self.authenticate(arrival)?);
        if token.audience != self.settings.endpoint {
            let message = "The access token has been obtained for wrong audience or resource.";
            return Err(self.unauthorized("InvalidAuthenticationTokenAudience", message));
        }
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

        let key = self.throttle_key(arrival);
        let left = self.throttle.take_read(&key, now);
        if left.is_none() && self.settings.limit_reads {
            return Err(Box::new(self.throttle.refuse(&key, now, 1, false)));
        }

        let call = Call {
            now,
            token,
            bearer: arrival.bearer().unwrap_or_default(),
            target,
            query,
            fault,
        };
        let answer = match route.endpoint {
            Endpoint::Subscriptions => self.list_subscriptions(&call)?,
            Endpoint::Permissions => self.permissions(&call, &route.name)?,
            Endpoint::Subscription => self.one_subscription(&call, &route.name)?,
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

    /// The position of a page link that was followed as it was handed out, or what is wrong with it.
    pub(crate) fn follow(&mut self, call: &Call<'_>) -> Result<Position, &'static str> {
        let Some(position) = link::read(call.target) else {
            let message = format!("no link of ours, or not byte for byte: {}", call.target);
            self.journal.violation(call.now, message);
            return Err("The skip token is not valid.");
        };
        if call.now >= position.issued + self.settings.link_life {
            return Err("The skip token has expired.");
        }
        Ok(position)
    }
}

fn check_version(endpoint: Endpoint, version: Option<&str>) -> OrRefusal<()> {
    let known = match endpoint {
        Endpoint::Log | Endpoint::TenantLog => &[LOG_VERSION][..],
        Endpoint::Permissions => &[PERMISSIONS_VERSION],
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
