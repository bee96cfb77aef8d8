//! The token endpoint: `POST /{tenant}/oauth2/v2.0/token` with client credentials.

use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::arrival::Arrival;
use crate::assertion;
use crate::azure::Azure;
use crate::directory::{self, Application};
use crate::entra_error;
use crate::ingestion;
use crate::time::Instant;

impl Azure {
    /// Issues a token, or refuses with the number that Microsoft Entra uses.
    pub(crate) fn token(&mut self, arrival: &Arrival<'_>) -> Answer {
        let now = arrival.now;
        match self.check_token_request(arrival) {
            Ok((client_id, audience, tenant)) => {
                let life = self.settings.token_life;
                let text = self.tokens.issue(&client_id, &audience, &tenant, now, life);
                let body = json!({
                    "token_type": "Bearer",
                    "expires_in": life.num_seconds(),
                    "ext_expires_in": life.num_seconds(),
                    "access_token": text,
                });
                Answer::json(StatusCode::OK, &body).with_header("cache-control", "no-store, no-cache")
            }
            Err((number, about)) => entra_error::answer(number, &about, now),
        }
    }

    /// The application that a token is due to, what it is for, and the tenant, or the number of the refusal and what it is about.
    fn check_token_request(&self, arrival: &Arrival<'_>) -> Result<(String, String, String), (u32, String)> {
        let (now, request, tenant) = (arrival.now, arrival.request, arrival.route.name.as_str());
        let refuse = |number: u32, about: &str| Err((number, about.to_owned()));
        if request.method() != Method::POST {
            return refuse(900561, request.method().as_str());
        }
        let Some(tenant) = self.directory.tenant(tenant) else {
            let well_formed = directory::is_guid(tenant) || tenant.contains('.');
            return refuse(if well_formed { 90002 } else { 900023 }, tenant);
        };
        let form = arrival.form();
        let field = |name: &str| {
            form.get(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| (900144, name.to_owned()))
        };

        let grant_type = field("grant_type")?;
        if grant_type != "client_credentials" {
            return refuse(70003, grant_type);
        }
        let (client_id, scope) = (field("client_id")?, field("scope")?);
        let Some(resource) = scope.strip_suffix("/.default") else {
            return refuse(70011, scope);
        };
        // `…azure.com/.default` and `…azure.com//.default` are both in use.
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let known = [self.settings.endpoint.as_str(), ingestion::AUDIENCE];
        let audience = known
            .into_iter()
            .find(|known| resource.eq_ignore_ascii_case(known));
        let Some(audience) = audience else {
            return refuse(500011, resource);
        };
        let Some(application) = self.directory.application(&tenant.id, client_id) else {
            return refuse(700016, client_id);
        };
        if !application.enabled {
            return refuse(7000112, client_id);
        }
        match (form.get("client_secret"), form.get("client_assertion")) {
            (Some(secret), _) => check_secret(application, secret, now)?,
            (None, Some(assertion)) => {
                let kind = field("client_assertion_type")?;
                if kind != assertion::TYPE {
                    return refuse(900144, "client_assertion_type");
                }
                let audience = format!("{}{}", self.settings.endpoint, request.uri().path());
                assertion::check(application, assertion, &audience, now)
                    .map_err(|number| (number, application.client_id.clone()))?;
            }
            (None, None) => return refuse(7000218, ""),
        }
        Ok((
            application.client_id.clone(),
            audience.to_owned(),
            tenant.id.clone(),
        ))
    }
}

fn check_secret(application: &Application, value: &str, now: Instant) -> Result<(), (u32, String)> {
    match application.secrets.iter().find(|secret| secret.value == value) {
        None => Err((7000215, application.client_id.clone())),
        Some(secret) if secret.expires.is_some_and(|expires| expires <= now) => {
            Err((7000222, application.client_id.clone()))
        }
        Some(_) => Ok(()),
    }
}
