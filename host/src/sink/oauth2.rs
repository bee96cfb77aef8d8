//! A login with OAuth 2.0 client credentials (RFC 6749, section 4.4): a token is asked for, kept, and renewed in time.

use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::sync::Mutex;

use super::SinkError;
use super::exchange::{Exchange, retry_after};
use crate::redact::{Redactor, percent_encoded};
use crate::secret::SecretText;

/// A token is renewed so long before its end; one that lives less than four times as long, at three quarters of its life.
const MARGIN: Duration = Duration::from_secs(300);
/// The life of a token whose issuer does not say.
const USUAL_LIFE: Duration = Duration::from_secs(600);
/// However long an issuer promises.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// After a login that failed, others wait so long and get the same answer: many batches may be on their way.
const PAUSE: Duration = Duration::from_secs(2);
/// How much of what an issuer says goes into a message.
const LONGEST_EXCERPT: usize = 300;

/// Who logs in, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are asked for.
    pub token_url: Uri,
    /// The client's id.
    pub client_id: String,
    /// Its secret; fetched again for each login.
    pub client_secret: SecretText,
    /// What the token is for; some issuers need none.
    pub scope: Option<String>,
}

impl ClientCredentials {
    /// The file that the secret is kept in, if it is kept in one.
    pub fn file(&self) -> Option<&Path> {
        self.client_secret.file()
    }

    /// The issuer, for messages: paths may name tenants.
    fn issuer(&self) -> &str {
        let authority = self.token_url.authority();
        authority.map_or("the login", |authority| authority.as_str())
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginError {
    /// A sentence that names the issuer and shows no secret.
    pub(super) reason: String,
    /// Whether a person has to act.
    pub(super) is_refused: bool,
    /// Not before this much time has passed, if the issuer says so.
    pub(super) retry_after: Option<Duration>,
}

impl From<LoginError> for SinkError {
    fn from(error: LoginError) -> Self {
        Self::Unavailable {
            reason: error.reason,
            retry_after: error.retry_after,
        }
    }
}

/// A token, and what must not be shown of the login.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) secrets: Vec<String>,
    renewed: Instant,
}

/// Keeps the token of a sink. One login at a time: whoever needs a token meanwhile waits for it.
pub(super) struct Login {
    credentials: ClientCredentials,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    failed: Option<(Instant, LoginError)>,
}

impl Login {
    pub(super) fn new(credentials: ClientCredentials) -> Self {
        Self {
            credentials,
            state: Mutex::default(),
        }
    }

    /// The issuer, for messages.
    pub(super) fn issuer(&self) -> &str {
        self.credentials.issuer()
    }

    /// The present token, or a new one. What `redactor` knows is removed from what the issuer says, together with the secret.
    pub(super) async fn token(&self, exchange: &Exchange, redactor: &Redactor) -> Result<Token, LoginError> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(token) = state.token.as_ref().filter(|token| now < token.renewed) {
            return Ok(token.clone());
        }
        if let Some((at, error)) = &state.failed
            && now.duration_since(*at) < PAUSE
        {
            return Err(error.clone());
        }
        let asked = self.ask(exchange, redactor).await;
        state.failed = asked.as_ref().err().map(|error| (Instant::now(), error.clone()));
        state.token = asked.as_ref().ok().cloned();
        asked
    }

    /// Forgets a token that the receiver does not take.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        let is_kept = |token: &Token| token.header == refused.header;
        if state.token.as_ref().is_some_and(is_kept) {
            state.token = None;
        }
    }

    async fn ask(&self, exchange: &Exchange, redactor: &Redactor) -> Result<Token, LoginError> {
        let ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope,
        } = &self.credentials;
        let issuer = self.credentials.issuer();
        let failure = |reason: String| LoginError {
            reason: format!("{issuer}: {reason}"),
            is_refused: false,
            retry_after: None,
        };
        let secret = client_secret.fetch().await.map_err(|problem| LoginError {
            reason: format!("sink.oauth2.client_secret: {problem}"),
            is_refused: true,
            retry_after: None,
        })?;
        let mut form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            percent_encoded(client_id),
            percent_encoded(&secret)
        );
        if let Some(scope) = scope {
            form += &format!("&scope={}", percent_encoded(scope));
        }
        let request = Request::post(token_url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Full::from(form))
            .map_err(|error| failure(error.to_string()))?;
        let asked = Instant::now();
        let (head, body) = exchange.run(request).await.map_err(failure)?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| answer[name].as_str().unwrap_or_default();
        if head.status != StatusCode::OK {
            let said = match text("error") {
                "" => String::from_utf8_lossy(&body).into_owned(),
                error => format!("{error}: {}", text("error_description")),
            };
            client_secret.refused();
            let redactor = Redactor::new([secret]).and(redactor);
            let said: String = redactor.clean(&said).chars().take(LONGEST_EXCERPT).collect();
            return Err(LoginError {
                is_refused: matches!(head.status.as_u16(), 300..=407 | 409..=428 | 430..=499),
                retry_after: retry_after(&head.headers),
                ..failure(format!("answered {} to the login: {said}", head.status))
            });
        }
        let token = text("access_token");
        let is_bearer = matches!(text("token_type").to_ascii_lowercase().as_str(), "" | "bearer");
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let Some(mut header) = header.ok().filter(|_| is_bearer && !token.is_empty()) else {
            return Err(failure("answered the login without a bearer token".to_owned()));
        };
        header.set_sensitive(true);
        let life = life(&answer["expires_in"]);
        Ok(Token {
            header,
            secrets: vec![token.to_owned(), secret],
            renewed: asked + life.saturating_sub(MARGIN).max(life / 4 * 3),
        })
    }
}

/// How long a token lives: a number of seconds, which some issuers write as text.
fn life(expires_in: &Value) -> Duration {
    let seconds = expires_in
        .as_u64()
        .or_else(|| expires_in.as_str()?.trim().parse().ok());
    seconds.map_or(USUAL_LIFE, Duration::from_secs).min(LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::http_client::{Endpoint, HttpClient};
    use super::super::receiver::Receiver;
    use super::*;
    use crate::egress::{Outbound, ProxyChoice};

    fn client(receiver: &Receiver) -> HttpClient {
        HttpClient::new(Endpoint {
            url: receiver.url.parse().unwrap(),
            oauth2: Some(ClientCredentials {
                token_url: receiver.url.parse().unwrap(),
                client_id: "me".to_owned(),
                client_secret: SecretText::written("the secret&"),
                scope: Some("https://example.com/.default".to_owned()),
            }),
            outbound: Outbound {
                proxy: ProxyChoice::Direct,
                ..Outbound::default()
            },
            ..Endpoint::default()
        })
        .unwrap()
    }

    fn is_login(body: &str) -> bool {
        body.starts_with("grant_type=client_credentials&")
    }

    const TOKEN: &str = r#"{"token_type":"bearer","access_token":"a.long.token","expires_in":"3600"}"#;

    #[tokio::test]
    async fn a_token_is_asked_for_once_and_goes_with_every_request() {
        let receiver = Receiver::start(|body| if is_login(body) { (200, TOKEN) } else { (204, "") }).await;
        let client = client(&receiver);
        for _ in 0..3 {
            let reply = client
                .post("text/plain", "x".to_owned(), &Redactor::default())
                .await;
            assert_eq!(reply.unwrap().status, 204);
        }
        let requests = receiver.requests();
        assert_eq!(requests.len(), 4);
        let form = "grant_type=client_credentials&client_id=me&client_secret=the%20secret%26&\
                    scope=https%3A%2F%2Fexample.com%2F.default";
        assert_eq!(String::from_utf8_lossy(&requests[0].1), form);
        for (headers, _) in &requests[1..] {
            assert_eq!(headers["authorization"], "Bearer a.long.token");
        }
    }

    #[tokio::test]
    async fn a_token_that_is_not_taken_is_renewed_once() {
        let refusals = AtomicUsize::new(0);
        let receiver = Receiver::start(move |body| match body {
            body if is_login(body) => (200, TOKEN),
            _ if refusals.fetch_add(1, Ordering::Relaxed) == 0 => (401, "expired"),
            "always" => (401, "a.long.token is not welcome"),
            _ => (204, ""),
        })
        .await;
        let client = client(&receiver);
        let redactor = Redactor::default();
        let reply = client
            .post("text/plain", "x".to_owned(), &redactor)
            .await
            .unwrap();
        assert_eq!((reply.status.as_u16(), receiver.requests().len()), (204, 4));
        let reply = client
            .post("text/plain", "always".to_owned(), &redactor)
            .await
            .unwrap();
        assert_eq!((reply.status.as_u16(), receiver.requests().len()), (401, 7));
        assert!(!reply.said().contains("a.long.token"), "{}", reply.said());
    }

    #[tokio::test]
    async fn a_refused_login_is_told_without_the_secret_and_not_repeated_at_once() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: the secret& is wrong"}"#;
        let receiver = Receiver::start(move |_| (401, body)).await;
        let client = client(&receiver);
        for _ in 0..2 {
            let error = client.try_login(&Redactor::default()).await.unwrap_err();
            assert!(error.is_refused, "{error:?}");
            assert!(
                error.reason.contains("invalid_client: AADSTS7000215"),
                "{error:?}"
            );
            assert!(!error.reason.contains("the secret"), "{error:?}");
        }
        assert_eq!(receiver.requests().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_without_a_bearer_token_is_no_login() {
        for answer in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":"x","token_type":"mac"}"#,
            r#"{"access_token":"a\nb"}"#,
        ] {
            let receiver = Receiver::start(move |_| (200, answer)).await;
            let error = client(&receiver)
                .try_login(&Redactor::default())
                .await
                .unwrap_err();
            assert!(
                !error.is_refused && error.reason.contains("without a bearer token"),
                "{answer}: {error:?}"
            );
        }
    }

    #[test]
    fn the_life_of_a_token_is_read_in_both_forms_and_bounded() {
        for (expires_in, seconds) in [
            (Value::from(60), 60),
            (Value::from("3599"), 3_599),
            (Value::Null, 600),
            (Value::from("soon"), 600),
            (Value::from(u64::MAX), 86_400),
        ] {
            assert_eq!(life(&expires_in), Duration::from_secs(seconds), "{expires_in}");
        }
    }
}
