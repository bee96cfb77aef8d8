//! Logs an application in at Microsoft Entra: OAuth 2.0 client credentials at `{authority}/{tenant}/oauth2/v2.0/token`.

use super::Refusal;
use crate::call::Call;
use crate::failure::Failure;
use crate::retry;
use crate::secret::Secret;
use crate::token::Token;

/// Tells Entra that the assertion is a JWT (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How an application shows that it is the one.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// With a client secret.
    Secret(&'a Secret),
    /// With a token of another issuer that it trusts (workload identity federation).
    Assertion(&'a Secret),
}

/// An application, and what it wants to be let in to.
#[derive(Debug, Clone, Copy)]
pub struct Application<'a> {
    /// The origin of the login, for example `https://login.microsoftonline.com`.
    pub authority: &'a str,
    /// The tenant's GUID or domain.
    pub tenant: &'a str,
    /// The application's client id.
    pub client: &'a str,
    /// How it shows that it is the one.
    pub proof: Proof<'a>,
    /// The origin that the token is for, for example `https://graph.microsoft.com`: everything that it may do there.
    pub resource: &'a str,
    /// What operators call that, for messages.
    pub resource_name: &'a str,
}

/// Logs in, for [`Source::login`](crate::Source::login).
///
/// # Errors
///
/// What Entra's refusal means ([`Refusal`]), with the time to leave it alone; or there is no answer.
pub fn log_in(call: &mut Call<'_>, application: &Application<'_>) -> Result<Option<Token>, Failure> {
    let url = format!(
        "{}/{}/oauth2/v2.0/token",
        application.authority, application.tenant
    );
    let scope = format!("{}/.default", application.resource);
    let mut form = vec![
        ("client_id", application.client),
        ("grant_type", "client_credentials"),
        ("scope", scope.as_str()),
    ];
    match application.proof {
        Proof::Secret(secret) => form.push(("client_secret", secret.expose())),
        Proof::Assertion(assertion) => form.extend([
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.expose()),
        ]),
    }
    let answer = call.post_form(&url, &form)?;
    if answer.status == 200
        && let Ok(token) = Token::granted(&answer, call.now())
    {
        return Ok(Some(token));
    }
    let refusal = Refusal::read(&answer);
    let wait = retry::after(&answer, call.now()).unwrap_or_else(|| refusal.pause());
    Err(refusal.failure(application.resource_name).after(Some(wait)))
}
