//! One HTTP request to a receiver, and what its answer means for a batch.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use super::SinkError;
use super::authorization::Authorization;
use crate::egress::{Outbound, OutboundError, ProxyConnector, last_cause};
use crate::scrub::Scrubber;
use crate::secret::Template;

/// A receiver that takes longer than this for one batch is as good as gone.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most receivers answer with a few words, some with an entry for every event.
const LONGEST_ANSWER: usize = 4 << 20;
/// How much of what a receiver says goes into a message.
const LONGEST_EXCERPT: usize = 200;
/// However long a receiver asks to be left alone: some send a date as a number.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// A receiver and how to talk to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to post.
    pub url: Uri,
    /// Whether bodies are compressed with gzip.
    pub gzip: bool,
    /// Further header fields; may hold secrets, read anew for every request.
    pub headers: Template,
    /// The login, if it is none of the header fields.
    pub authorization: Option<Authorization>,
    /// How to get there.
    pub outbound: Outbound,
}

/// What a receiver says about a batch.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has it. The answer may say more.
    Accepted(Answer),
    /// It will never take this body.
    Refused(Answer),
}

/// What a receiver answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// As it came.
    pub(super) body: Bytes,
    /// Who answered with which status.
    head: String,
    scrubber: Scrubber,
}

impl Answer {
    /// The answer in words, fit for people.
    pub(super) fn said(&self) -> String {
        let words = self.excerpt(&String::from_utf8_lossy(&self.body));
        format!("{}: {words}", self.head)
    }

    /// The beginning of a text out of the answer, fit for people. A secret that it repeats is removed before a cut could
    /// leave a part of it.
    pub(super) fn excerpt(&self, text: &str) -> String {
        self.scrubber.clean(text).chars().take(LONGEST_EXCERPT).collect()
    }
}

/// Posts to one receiver over kept connections.
pub(super) struct Poster {
    endpoint: Endpoint,
    client: Client<HttpsConnector<ProxyConnector<HttpConnector>>, Full<Bytes>>,
}

impl Poster {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, OutboundError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let connector = endpoint.outbound.open()?.connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { endpoint, client })
    }

    /// Posts a text of a media type.
    pub(super) async fn post(&self, kind: &'static str, text: String) -> Result<Verdict, SinkError> {
        let Endpoint { url, gzip, .. } = &self.endpoint;
        // Paths and queries of receivers may hold keys, so messages name the authority only.
        let name = url
            .authority()
            .map_or("the receiver", |authority| authority.as_str());
        let unavailable = |reason: String| SinkError::Unavailable {
            reason: format!("{name}: {reason}"),
            retry_after: None,
        };
        let (headers, scrubber) = self.headers(kind).await.map_err(unavailable)?;
        let body = if *gzip {
            gzipped(text.as_bytes())
        } else {
            text.into()
        };
        let mut request = Request::post(url)
            .body(Full::new(body))
            .map_err(|error| unavailable(error.to_string()))?;
        request.headers_mut().extend(headers);
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|error| last_cause(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| error.to_string())?;
            Ok((head, body.to_bytes()))
        };
        let (head, body) = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")))
            .map_err(unavailable)?;
        let answer = Answer {
            head: format!("{name} answered {}", head.status),
            body,
            scrubber,
        };
        match head.status {
            status if status.is_success() => Ok(Verdict::Accepted(answer)),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Verdict::Refused(answer))
            }
            // Whatever else it is, a wrong path or password included, it can be mended without losing events.
            _ => Err(SinkError::Unavailable {
                reason: answer.said(),
                retry_after: retry_after(&head.headers),
            }),
        }
    }

    /// The header fields of a request, and a scrubber for the secrets among them, should the receiver repeat them.
    async fn headers(&self, kind: &'static str) -> Result<(HeaderMap, Scrubber), String> {
        let resolved = self
            .endpoint
            .headers
            .resolve(&[])
            .await
            .map_err(|missing| missing.to_string())?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if self.endpoint.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&resolved.json).unwrap_or_default();
        for (name, value) in fields {
            let field = HeaderName::try_from(&name).ok();
            let text = value.as_str().and_then(|text| HeaderValue::try_from(text).ok());
            let (field, mut text) = field
                .zip(text)
                .ok_or_else(|| format!("`sink.headers.{name}` is no header field; correct it"))?;
            text.set_sensitive(true);
            headers.insert(field, text);
        }
        let mut scrubber = resolved.scrubber;
        if let Some(authorization) = &self.endpoint.authorization {
            let (value, secrets) = authorization.resolve().await?;
            headers.insert(header::AUTHORIZATION, value);
            scrubber = scrubber.with_secrets(secrets);
        }
        Ok((headers, scrubber))
    }
}

fn gzipped(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

/// The wait that a receiver asks for, in seconds; the form with a date is rare enough to fall back to our own delays.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_a_receiver_asks_for_has_an_end() {
        for (value, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("1767225600", Some(3_600)),
            ("18446744073709551615", Some(3_600)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
