//! One HTTP request to a receiver, and its response.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde_json::Value;

use super::SinkError;
use super::authorization::Authorization;
use super::exchange::{Exchange, retry_after};
use super::oauth2::{ClientCredentials, Login, LoginError, Token};
use crate::egress::{Outbound, OutboundError, TrustingResolver};
use crate::redact::Redactor;
use crate::secret::Template;

/// How much of what a receiver says goes into a message.
const LONGEST_EXCERPT: usize = 200;

/// A receiver and how to talk to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to post.
    pub url: Uri,
    /// Whether bodies are compressed with gzip.
    pub gzip: bool,
    /// Further header fields; may hold secrets, read again for every request.
    pub headers: Template,
    /// The login, if it is none of the header fields.
    pub authorization: Option<Authorization>,
    /// A login whose token goes with every request.
    pub oauth2: Option<ClientCredentials>,
    /// Most bytes of a request before it is compressed, if there is a bound.
    pub max_request: Option<usize>,
    /// How to get there.
    pub outbound: Outbound,
}

/// What a receiver answered, whatever its status.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// The media type, in lower case and without parameters; empty where the receiver names none.
    pub(super) media_type: String,
    /// How long the receiver asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// Who answered.
    name: String,
    redactor: Redactor,
}

impl Reply {
    /// The answer in words, for people.
    pub(super) fn said(&self) -> String {
        let words = self.excerpt(&String::from_utf8_lossy(&self.body));
        format!("{}: {words}", self.answered())
    }

    /// Who answered with which status.
    pub(super) fn answered(&self) -> String {
        format!("{} answered {}", self.name, self.status)
    }

    /// A sentence about the answer that begins with the receiver's name.
    pub(super) fn judged(&self, problem: &str) -> String {
        let words = self.excerpt(&String::from_utf8_lossy(&self.body));
        format!("{} with {problem}: {words}", self.answered())
    }

    /// The beginning of a text from the answer, for people. A secret that it repeats is removed before a cut could leave a
    /// part of it.
    pub(super) fn excerpt(&self, text: &str) -> String {
        self.redactor.clean(text).chars().take(LONGEST_EXCERPT).collect()
    }

    /// The body without the byte order mark that some servers put in front, and without blanks around it.
    pub(super) fn text(&self) -> &[u8] {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        body.trim_ascii()
    }

    /// Whether the body is a page for people: a login page or an error page of something in between.
    pub(super) fn is_web_page(&self) -> bool {
        let text = self.text();
        let starts_with = |word: &[u8]| {
            text.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        [&b"<!doctype html"[..], b"<html", b"<head", b"<body"]
            .into_iter()
            .any(starts_with)
    }

    #[cfg(test)]
    pub(super) fn example(status: u16, media_type: &str, body: &[u8]) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::copy_from_slice(body),
            media_type: media_type.to_owned(),
            retry_after: None,
            name: "receiver.example".to_owned(),
            redactor: Redactor::default(),
        }
    }
}

/// Posts to one receiver.
pub(super) struct HttpClient {
    endpoint: Endpoint,
    exchange: Exchange,
    login: Option<Login>,
}

impl HttpClient {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, OutboundError> {
        Self::with_resolver(endpoint, TrustingResolver::default())
    }

    fn with_resolver(endpoint: Endpoint, resolver: TrustingResolver) -> Result<Self, OutboundError> {
        Ok(Self {
            login: endpoint.oauth2.clone().map(Login::new),
            exchange: Exchange::new(&endpoint.outbound, resolver)?,
            endpoint,
        })
    }

    /// Logs in, where the sink has a login of its own. Returns with whom, or none where there is nothing to try.
    pub(super) async fn try_login(&self, redactor: &Redactor) -> Result<Option<&str>, LoginError> {
        match &self.login {
            None => Ok(None),
            Some(login) => login
                .token(&self.exchange, redactor)
                .await
                .map(|_| Some(login.issuer())),
        }
    }

    /// Posts a text of a media type. The error names the receiver. What `redactor` knows is removed from what the receiver
    /// says, together with the secrets of the sink.
    pub(super) async fn post(
        &self,
        media_type: &'static str,
        text: String,
        redactor: &Redactor,
    ) -> Result<Reply, SinkError> {
        let body = if self.endpoint.gzip {
            gzipped(text.as_bytes())
        } else {
            Bytes::from(text)
        };
        let Some(login) = &self.login else {
            return self.send(media_type, body, None, redactor).await;
        };
        let token = login.token(&self.exchange, redactor).await?;
        let reply = self
            .send(media_type, body.clone(), Some(&token), redactor)
            .await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        // It was revoked, or the receiver's clock is ahead: one new token, and one more attempt.
        login.forget(&token).await;
        let token = login.token(&self.exchange, redactor).await?;
        self.send(media_type, body, Some(&token), redactor).await
    }

    async fn send(
        &self,
        media_type: &'static str,
        body: Bytes,
        token: Option<&Token>,
        redactor: &Redactor,
    ) -> Result<Reply, SinkError> {
        let url = &self.endpoint.url;
        // Paths and queries of receivers may hold keys, so messages name the authority only.
        let name = url
            .authority()
            .map_or("the receiver", |authority| authority.as_str());
        let unavailable = |reason: String| SinkError::unavailable(format!("{name}: {reason}"));
        let (mut headers, mut own) = self.headers(media_type).await.map_err(unavailable)?;
        if let Some(token) = token {
            headers.insert(header::AUTHORIZATION, token.header.clone());
            own = own.with_secrets(token.secrets.clone());
        }
        let mut request = Request::post(url)
            .body(Full::new(body))
            .map_err(|error| unavailable(error.to_string()))?;
        request.headers_mut().extend(headers);
        let (head, body) = self.exchange.run(request).await.map_err(unavailable)?;
        if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.endpoint.headers.refused();
            if let Some(authorization) = &self.endpoint.authorization {
                authorization.refused();
            }
        }
        Ok(Reply {
            status: head.status,
            body,
            media_type: media_type_of(&head.headers),
            retry_after: retry_after(&head.headers),
            name: name.to_owned(),
            redactor: own.and(redactor),
        })
    }

    /// The header fields of a request, and a redactor for the secrets among them, should the receiver repeat them.
    async fn headers(&self, media_type: &'static str) -> Result<(HeaderMap, Redactor), String> {
        let resolved = self
            .endpoint
            .headers
            .resolve(&[])
            .await
            .map_err(|missing| missing.to_string())?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if self.endpoint.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&resolved.json).unwrap_or_default();
        for (name, value) in &fields {
            let field = HeaderName::try_from(name).ok();
            let text = value.as_str().and_then(|text| HeaderValue::try_from(text).ok());
            let (field, mut text) = field
                .zip(text)
                .ok_or_else(|| format!("`sink.headers.{name}` is not a valid header field; correct it"))?;
            text.set_sensitive(true);
            headers.insert(field, text);
        }
        // Written into the file, they are no less secret.
        let written = fields.iter().filter(|(name, _)| is_credential(name));
        let written = written.filter_map(|(_, value)| value.as_str().map(str::to_owned));
        let mut redactor = resolved.redactor.with_secrets(written);
        if let Some(authorization) = &self.endpoint.authorization {
            let (value, secrets) = authorization.resolve().await?;
            headers.insert(header::AUTHORIZATION, value);
            redactor = redactor.with_secrets(secrets);
        }
        Ok((headers, redactor))
    }
}

/// Whether a header field of this name is there to prove who sends it.
fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "password", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
}

fn gzipped(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

fn media_type_of(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::receiver::Receiver;
    use super::*;
    use crate::egress::ProxyChoice;

    fn client(url: &str, resolver: TrustingResolver) -> HttpClient {
        let endpoint = Endpoint {
            url: url.parse().unwrap(),
            outbound: Outbound {
                proxy: ProxyChoice::Direct,
                ..Outbound::default()
            },
            ..Endpoint::default()
        };
        HttpClient::with_resolver(endpoint, resolver).unwrap()
    }

    #[test]
    fn a_name_that_hangs_delays_its_own_sink_only() {
        // One thread for whatever blocks, and it never comes back: as if the system's resolver had it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (release, hold) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || hold.recv());
        runtime.block_on(async {
            let receiver = Receiver::start(|_| (200, "")).await;
            let url = receiver.url.replace("127.0.0.1", "localhost");
            let hanging = client("http://hung.example/", TrustingResolver::hung());
            let honest = client(&url, TrustingResolver::default());
            let redactor = Redactor::default();
            tokio::select! {
                biased;
                reply = hanging.post("text/plain", "a".to_owned(), &redactor) => panic!("the name was looked up: {reply:?}"),
                reply = honest.post("text/plain", "b".to_owned(), &redactor) => assert_eq!(reply.unwrap().status, 200),
            }
            assert_eq!(receiver.requests().len(), 1);
        });
        drop(release);
    }

    #[test]
    fn a_web_page_is_recognised_by_how_it_begins() {
        for (body, expected) in [
            (&b"<!DOCTYPE html><p>Log in"[..], true),
            (b"\xef\xbb\xbf \r\n<HTML lang=en>", true),
            (b"<xml/>", false),
            (b"", false),
            (b"ok <html>", false),
        ] {
            let reply = Reply::example(200, "", body);
            assert_eq!(reply.is_web_page(), expected, "{}", String::from_utf8_lossy(body));
        }
    }
}
