//! Who a sink is, for its receiver: the `authorization` header field.

use std::path::Path;

use http::HeaderValue;

use crate::secret::SecretText;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A login that goes with every request; fetched again for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A token behind a word: `Bearer` (RFC 6750), or a receiver's own.
    Token(&'static str, SecretText),
    /// A user and a password (RFC 7617).
    Basic(String, SecretText),
}

impl Authorization {
    /// The field's value and the secrets in it, or a sentence that begins with the key and says what is missing.
    pub(super) async fn resolve(&self) -> Result<(HeaderValue, Vec<String>), String> {
        let (value, secrets) = match self {
            Self::Token(scheme, token) => {
                let token = token
                    .fetch()
                    .await
                    .map_err(|problem| format!("sink.{}: {problem}", self.key()))?;
                (format!("{scheme} {token}"), vec![token])
            }
            Self::Basic(user, password) => {
                let password = password
                    .fetch()
                    .await
                    .map_err(|problem| format!("sink.{}: {problem}", self.key()))?;
                let encoded = BASE64_STANDARD.encode(format!("{user}:{password}").as_bytes());
                (format!("Basic {encoded}"), vec![password, encoded])
            }
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            format!(
                "sink.{}: holds characters that a header field cannot hold",
                self.key()
            )
        })?;
        value.set_sensitive(true);
        Ok((value, secrets))
    }

    /// The file that the secret is kept in, if it is kept in one.
    pub fn file(&self) -> Option<&Path> {
        let (Self::Token(_, secret) | Self::Basic(_, secret)) = self;
        secret.file()
    }

    /// Notes that the receiver has refused it.
    pub(super) fn refused(&self) {
        let (Self::Token(_, secret) | Self::Basic(_, secret)) = self;
        secret.refused();
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Token("Bearer", _) => "bearer",
            Self::Token(..) => "token",
            Self::Basic(..) => "basic.password",
        }
    }
}
