//! Secrets that a source never holds: it sends a placeholder, and the secret takes its place on the wire.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use memchr::memmem;
use tracing::warn;

use super::origin::Origin;
use super::transport::{Body, TransportError};
use crate::redact::{json_escaped, percent_encoded};

/// Bodies of requests to an origin that has a secret bound to it, with the secrets filled in. They are logins and queries,
/// not uploads.
const LARGEST_BODY: usize = 256 << 10;
/// All header fields of such a request, with the secrets filled in. Servers stop at 8 KiB to 64 KiB.
const LARGEST_HEADERS: usize = 64 << 10;

/// A secret, what the source has in its place, and the one origin that it may go to.
#[derive(Clone)]
pub struct BoundSecret {
    /// What the source has. Made of letters and digits, so that it looks the same in a form, in JSON and in a header.
    pub placeholder: String,
    /// What the origin gets.
    pub secret: String,
    /// The origin.
    pub origin: Origin,
}

/// The bound secrets of one call.
#[derive(Clone, Default)]
pub struct BoundSecrets(Arc<[BoundSecret]>);

/// How a body spells a text.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    Form,
    Json,
}

impl BoundSecrets {
    /// A call with these secrets.
    pub fn new(secrets: Vec<BoundSecret>) -> Self {
        Self(secrets.into())
    }

    /// The secrets that may go to an origin.
    pub(super) fn of(&self, origin: &Origin) -> Self {
        let bound = self.0.iter().filter(|secret| secret.origin == *origin);
        Self(bound.cloned().collect())
    }

    /// Puts the secrets into header values and the body, in the spelling of the content type. The URL stays as it is:
    /// URLs end up in logs on both sides.
    ///
    /// The body is read whole, its trailer fields are dropped. Without secrets the request passes untouched.
    pub(super) async fn fill_in(&self, request: Request<Body>) -> Result<Request<Body>, TransportError> {
        if self.0.is_empty() {
            return Ok(request);
        }
        let (mut head, body) = request.into_parts();
        let mut headers = 0;
        for value in head.headers.values_mut() {
            let left = LARGEST_HEADERS.saturating_sub(headers);
            let filled = self.replaced(value.as_bytes(), Spelling::Plain, left);
            let filled = filled.map_err(|TooLarge| {
                warn!(
                    limit = LARGEST_HEADERS,
                    "refused a request: its header fields are too large with the secrets filled in"
                );
                TransportError::RequestHeadersTooLarge {
                    limit: LARGEST_HEADERS as u32,
                }
            })?;
            headers += filled.as_ref().map_or(value.len(), Vec::len);
            if let Some(filled) = filled {
                *value = HeaderValue::from_bytes(&filled).map_err(|_| {
                    warn!("refused a request: its secret holds characters that a header field cannot hold");
                    TransportError::Denied
                })?;
                value.set_sensitive(true);
            }
        }
        let mut body = collect(body).await?;
        let filled = self.replaced(&body, Spelling::of(&head.headers), LARGEST_BODY);
        let filled = filled.map_err(|TooLarge| {
            warn!(
                limit = LARGEST_BODY,
                "refused a request: its body is too large with the secrets filled in"
            );
            TransportError::RequestBodyTooLarge {
                limit: LARGEST_BODY as u64,
            }
        })?;
        if let Some(filled) = filled {
            if let Some(length) = head.headers.get_mut(header::CONTENT_LENGTH) {
                *length = filled.len().into();
            }
            body = filled.into();
        }
        let body = Full::new(body).map_err(|never| match never {});
        Ok(Request::from_parts(head, body.boxed_unsync()))
    }

    /// The text with secrets in place of their placeholders; none if it holds no placeholder. Its length is known before
    /// any of it is made.
    fn replaced(&self, text: &[u8], spelling: Spelling, most: usize) -> Result<Option<Vec<u8>>, TooLarge> {
        let mut filled = None;
        for BoundSecret {
            placeholder, secret, ..
        } in self.0.iter()
        {
            let text = filled.as_deref().unwrap_or(text);
            let secret = spelling.spell(secret);
            filled = replace(text, placeholder.as_bytes(), secret.as_bytes(), most)?.or(filled);
        }
        Ok(filled)
    }
}

/// A text would be larger than anybody needs.
#[derive(Debug, PartialEq, Eq)]
struct TooLarge;

impl Spelling {
    fn of(headers: &HeaderMap) -> Self {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" => Self::Json,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Plain,
        }
    }

    fn spell(self, secret: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => secret.into(),
            Self::Form => percent_encoded(secret).into(),
            Self::Json => json_escaped(secret).into(),
        }
    }
}

fn replace(text: &[u8], old: &[u8], new: &[u8], most: usize) -> Result<Option<Vec<u8>>, TooLarge> {
    let found = memmem::find_iter(text, old).count();
    if found == 0 {
        return Ok(None);
    }
    let length = text.len() - found * old.len() + found.saturating_mul(new.len());
    if length > most {
        return Err(TooLarge);
    }
    let mut filled = Vec::with_capacity(length);
    let mut copied = 0;
    for at in memmem::find_iter(text, old) {
        filled.extend_from_slice(&text[copied..at]);
        filled.extend_from_slice(new);
        copied = at + old.len();
    }
    filled.extend_from_slice(&text[copied..]);
    Ok(Some(filled))
}

async fn collect(body: Body) -> Result<Bytes, TransportError> {
    let collected = Limited::new(body, LARGEST_BODY).collect().await;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(TransportError::RequestBodyTooLarge {
            limit: LARGEST_BODY as u64,
        }),
        Err(error) => Err(match error.downcast::<TransportError>() {
            Ok(error) => *error,
            Err(_) => TransportError::Protocol,
        }),
    }
}

impl fmt::Debug for BoundSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BoundSecret(hidden, for {})", self.origin)
    }
}

impl fmt::Debug for BoundSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BoundSecrets({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDER: &str = "hw0123456789abcdef";
    const SECRET: &str = "a b\"&+é";

    fn secrets() -> BoundSecrets {
        BoundSecrets::new(vec![BoundSecret {
            placeholder: PLACEHOLDER.to_owned(),
            secret: SECRET.to_owned(),
            origin: Origin::parse("https://login.example.com").unwrap(),
        }])
    }

    fn request(kind: &str, body: String) -> Request<Body> {
        Request::post("https://login.example.com/token")
            .header("content-type", kind)
            .header("content-length", body.len())
            .header("x-key", format!("key {PLACEHOLDER}"))
            .body(Full::from(body).map_err(|never| match never {}).boxed_unsync())
            .unwrap()
    }

    #[tokio::test]
    async fn a_secret_takes_the_spelling_of_its_place_and_the_length_follows() {
        for (kind, spelled) in [
            ("application/x-www-form-urlencoded", "a%20b%22%26%2B%C3%A9"),
            (
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
                "a%20b%22%26%2B%C3%A9",
            ),
            ("application/json", "a b\\\"&+é"),
            ("application/merge-patch+json", "a b\\\"&+é"),
            ("text/plain", SECRET),
        ] {
            let body = format!("x={PLACEHOLDER}&y={PLACEHOLDER}&z=hw");
            let filled = secrets().fill_in(request(kind, body)).await.unwrap();
            let expected = format!("x={spelled}&y={spelled}&z=hw");
            assert_eq!(filled.headers()["content-length"], expected.len().to_string());
            let key = &filled.headers()["x-key"];
            assert_eq!(key.as_bytes(), format!("key {SECRET}").as_bytes());
            assert!(key.is_sensitive());
            let body = filled.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, expected, "{kind}");
        }
    }

    #[tokio::test]
    async fn only_the_origin_that_a_secret_is_bound_to_gets_it() {
        for elsewhere in [
            "https://example.com",
            "https://login.example.com:8443",
            "http://login.example.com",
        ] {
            let secrets = secrets().of(&Origin::parse(elsewhere).unwrap());
            let filled = secrets
                .fill_in(request("text/plain", PLACEHOLDER.to_owned()))
                .await
                .unwrap();
            assert_eq!(
                filled.into_body().collect().await.unwrap().to_bytes(),
                PLACEHOLDER,
                "{elsewhere}"
            );
        }
        assert_eq!(
            secrets()
                .of(&Origin::parse("https://LOGIN.example.com:443").unwrap())
                .0
                .len(),
            1
        );
    }

    #[tokio::test]
    async fn a_body_that_is_no_login_is_refused() {
        let body = "x".repeat(LARGEST_BODY + 1);
        let refused = secrets().fill_in(request("text/plain", body)).await.unwrap_err();
        assert!(
            matches!(refused, TransportError::RequestBodyTooLarge { .. }),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn what_grows_too_large_with_its_secrets_is_refused_before_it_is_made() {
        let mut secrets = secrets().0.to_vec();
        secrets[0].secret = "s".repeat(60_000);
        let secrets = BoundSecrets::new(secrets);
        let body = request("text/plain", PLACEHOLDER.repeat(10_000));
        let refused = secrets.fill_in(body).await.unwrap_err();
        assert!(
            matches!(refused, TransportError::RequestBodyTooLarge { .. }),
            "{refused}"
        );
        let mut many = request("text/plain", PLACEHOLDER.to_owned());
        many.headers_mut().insert("x-other", PLACEHOLDER.parse().unwrap());
        let refused = secrets.fill_in(many).await.unwrap_err();
        assert!(
            matches!(refused, TransportError::RequestHeadersTooLarge { .. }),
            "{refused}"
        );
        let one = request("text/plain", PLACEHOLDER.to_owned());
        assert!(
            secrets.fill_in(one).await.is_ok(),
            "one secret of its largest size fits"
        );
    }

    #[tokio::test]
    async fn a_secret_that_no_header_can_carry_stops_the_request() {
        let mut secrets = secrets().0.to_vec();
        secrets[0].secret = "two\nlines".to_owned();
        let refused = BoundSecrets::new(secrets)
            .fill_in(request("text/plain", String::new()))
            .await
            .unwrap_err();
        assert!(matches!(refused, TransportError::Denied), "{refused}");
    }
}
