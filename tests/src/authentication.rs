//! Whether a token is good, and good for a subscription.

use http::StatusCode;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use crate::answer::Answer;
use crate::arm::Call;
use crate::arrival::Arrival;
use crate::azure::Azure;
use crate::directory::{self, Subscription};
use crate::refusal::{OrRefusal, bad_request, refusal};
use crate::time;
use crate::token::Token;

impl Azure {
    /// The token of a request, if it is good.
    pub(crate) fn authenticate(&self, arrival: &Arrival<'_>) -> OrRefusal<Token> {
        if !arrival.request.headers().contains_key(AUTHORIZATION) {
            let message = "Authentication failed. The 'Authorization' header is missing.";
            return Err(self.unauthorized("AuthenticationFailed", message));
        }
        let Some(text) = arrival.bearer() else {
            let message =
                "Authentication failed. The 'Authorization' header is provided in an invalid format.";
            return Err(self.unauthorized("AuthenticationFailed", message));
        };
        let Some(token) = self.tokens.find(text) else {
            return Err(self.unauthorized("InvalidAuthenticationToken", "The access token is invalid."));
        };
        if token.expires <= arrival.now {
            let message = format!(
                "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                time::iso(token.expires),
                time::iso(arrival.now)
            );
            return Err(self.unauthorized("ExpiredAuthenticationToken", &message));
        }
        Ok(token.clone())
    }

    pub(crate) fn unauthorized(&self, code: &str, message: &str) -> Box<Answer> {
        let challenge = format!(
            "Bearer authorization_uri=\"{}\", error=\"invalid_token\"",
            self.settings.endpoint
        );
        let answer = Answer::arm_error(StatusCode::UNAUTHORIZED, code, message);
        Box::new(answer.with_header(WWW_AUTHENTICATE.as_str(), &challenge))
    }

    /// The subscription, if it exists and trusts the tenant of the token.
    pub(crate) fn subscription_in_reach(&self, call: &Call<'_>, id: &str) -> OrRefusal<&Subscription> {
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
}
