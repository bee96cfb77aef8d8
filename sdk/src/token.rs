//! What a login brings.

use serde::{Deserialize, Serialize};

use crate::contract::{Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::secret::Secret;

/// A token is renewed so long before its end, or a quarter of its life if that is less: none ends on its way.
const MARGIN: Nanos = 5 * MINUTE;

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

    /// The text to send.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// Whether it need not be renewed yet.
    pub(crate) fn lasts(&self, now: Timestamp) -> bool {
        now < self.renew
    }
}
