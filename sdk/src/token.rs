//! What a login brings.

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::failure::Failure;
use crate::http::Response;
use crate::secret::Secret;

/// A token is renewed so long before its end, or a quarter of its life if that is less: none ends on its way.
const MARGIN: Nanos = 5 * MINUTE;

/// The life of a token whose answer does not say.
const UNSTATED_LIFE: u64 = 600;

/// A bearer token, and when to get the next one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Token {
    secret: Secret,
    renew: Timestamp,
}

impl Token {
    /// A token that lives for so many seconds.
    pub fn new(text: impl Into<String>, seconds: u64, now: Timestamp) -> Self {
        let life = seconds.saturating_mul(SECOND);
        Self {
            secret: Secret::new(text),
            renew: now.saturating_add(life - MARGIN.min(life / 4)),
        }
    }

    /// The token of the answer to a login (RFC 6749, section 5.1).
    ///
    /// # Errors
    ///
    /// The answer holds none that could be sent.
    pub fn granted(answer: &Response, now: Timestamp) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: Option<u64>,
        }
        let granted: Granted = answer.json()?;
        let text = granted.access_token;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "the answer to the login holds no token";
            return Err(Failure::retry("upstream.no_token", message));
        }
        Ok(Self::new(text, granted.expires_in.unwrap_or(UNSTATED_LIFE), now))
    }

    /// The text to send.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// Whether it need not be renewed yet.
    pub(crate) fn lasts(&self, now: Timestamp) -> bool {
        now < self.renew
    }
}
