//! Gets an access token from Entra with the client-credentials flow.

use std::borrow::Cow;

use serde_json::Value;

use crate::config::{Credential, Secret, Settings};
use crate::contract::{Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::fault::entra::{self, Refusal};
use crate::fault::{self, Failure, LONGEST_WAIT, transport};
use crate::guid;
use crate::http::{Answer, Method, Platform, Request, Response};
use crate::measures::Measures;
use crate::percent;
use crate::session::{Refused, Session, Token};

/// Most bytes of a token answer: tokens of applications in many groups reach some tens of kilobytes.
const RESPONSE_LIMIT: usize = 1024 * 1024;

/// A token is renewed so long before its end, so that none ends on its way.
const MARGIN: Nanos = 5 * MINUTE;

/// The life of a token whose answer does not say: short, so that a wrong guess costs a request and no failure.
const UNSTATED_LIFE: Nanos = 10 * MINUTE;

/// Tells Entra that the assertion is a JWT (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Makes sure that the session holds a token, asking for one unless a recent refusal forbids it. Tells whether the token
/// is new.
pub fn ensure_token(
    world: &mut dyn Platform,
    settings: &Settings,
    session: &mut Session,
    measures: &mut Measures,
    timeout: Nanos,
) -> Result<bool, Failure> {
    let now = world.now();
    if session.token.as_ref().is_some_and(|token| now < token.renew) {
        return Ok(false);
    }
    session.token = None;
    // A refusal that lasts longer than any wait was written by a clock that was ahead.
    let lasting = |refused: &&Refused| (1..=LONGEST_WAIT).contains(&refused.until.saturating_sub(now));
    if let Some(refused) = session.refused.as_ref().filter(lasting) {
        return Err(entra::failure(&refused.refusal).after(Some(refused.until - now)));
    }
    session.refused = None;
    let request = token_request(world, settings, timeout);
    measures.add("requests", 1);
    let response = match world.send(&request).and_then(Answer::whole) {
        Ok(response) => response,
        Err(error) => return Err(transport::failure(&error, &settings.cloud.authority)),
    };
    match read_token(&response, world.now(), world.random()) {
        Some(token) => {
            session.token = Some(token);
            Ok(true)
        }
        None => {
            let refusal = Refusal::read(&response);
            let wait = fault::retry_after(&response, now).unwrap_or_else(|| refusal.pause());
            let failure = entra::failure(&refusal).after(Some(wait));
            session.refused = Some(Refused {
                until: now + wait,
                refusal,
            });
            Err(failure)
        }
    }
}

fn token_request(world: &mut dyn Platform, settings: &Settings, timeout: Nanos) -> Request {
    let url = format!(
        "{}/{}/oauth2/v2.0/token",
        settings.cloud.authority, settings.tenant
    );
    let id = guid::random(world);
    let proof = match &settings.credential {
        Credential::Secret(secret) => vec![("client_secret", Cow::Borrowed(secret.expose()))],
        Credential::Assertion(assertion) => asserted(Cow::Borrowed(assertion.expose())),
        #[cfg(feature = "certificate")]
        Credential::Certificate(certificate, _) => asserted(Cow::Owned(certificate.assertion(
            world,
            &settings.client,
            &url,
            &id,
        ))),
    };
    let fields = [
        ("client_id", Cow::Borrowed(settings.client.as_str())),
        ("grant_type", Cow::Borrowed("client_credentials")),
        ("scope", Cow::Owned(settings.cloud.scope())),
    ];
    let form: Vec<String> = fields
        .into_iter()
        .chain(proof)
        .map(|(name, value)| format!("{name}={}", percent::encode(&value)))
        .collect();
    Request {
        method: Method::Post,
        url,
        headers: vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("client-request-id", id),
        ],
        body: form.join("&").into_bytes(),
        response_limit: RESPONSE_LIMIT,
        timeout,
    }
}

fn asserted(assertion: Cow<'_, str>) -> Vec<(&'static str, Cow<'_, str>)> {
    vec![
        ("client_assertion_type", Cow::Borrowed(ASSERTION_TYPE)),
        ("client_assertion", assertion),
    ]
}

/// The token of a good answer. `chance` spreads the renewals of many sources over up to a fifth of the margin.
fn read_token(response: &Response, now: Timestamp, chance: u64) -> Option<Token> {
    if response.status != 200 {
        return None;
    }
    let answer: Value = serde_json::from_slice(&response.body).ok()?;
    let sendable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let token = answer["access_token"].as_str().filter(|token| sendable(token))?;
    // A number, or a number as text in answers of the older endpoint.
    let seconds = match &answer["expires_in"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let life = seconds.map_or(UNSTATED_LIFE, |seconds: u64| seconds.saturating_mul(SECOND));
    let margin = MARGIN.min(life / 4);
    let jitter = chance % (margin / 5 + 1);
    let renew = now.saturating_add(life - margin - jitter);
    Some(Token {
        text: Secret::new(token.to_owned()),
        issued: now,
        renew,
    })
}
