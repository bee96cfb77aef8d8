//! What is remembered between calls: the token, bound to the configuration that it was obtained with.

use serde::{Deserialize, Serialize};

use crate::contract::SessionChange;
use crate::cursor::checksum;
use crate::token::Token;

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Of the configuration: a corrected secret is tried at once.
    key: u64,
    token: Token,
}

/// The session of one call.
#[derive(Debug)]
pub(crate) struct Session {
    key: u64,
    pub(crate) token: Option<Token>,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Replaced,
    Dropped,
}

impl Session {
    /// Reads what an earlier call has left. What is damaged, of another configuration or of somebody else is as good as none.
    pub(crate) fn read(bytes: Option<&[u8]>, config: &str) -> Self {
        let key = checksum(config.as_bytes());
        let stored: Option<Stored> = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
        Self {
            key,
            token: stored
                .filter(|stored| stored.key == key)
                .map(|stored| stored.token),
            change: Change::None,
        }
    }

    /// Takes a new token.
    pub(crate) fn replace(&mut self, token: Token) {
        self.token = Some(token);
        self.change = Change::Replaced;
    }

    /// Forgets the token.
    pub(crate) fn drop_token(&mut self) {
        self.token = None;
        self.change = Change::Dropped;
    }

    /// What the host is to make of its session.
    pub(crate) fn change(&self) -> SessionChange {
        match (self.change, &self.token) {
            (Change::Replaced, Some(token)) => {
                let stored = Stored {
                    key: self.key,
                    token: token.clone(),
                };
                SessionChange::Replace(serde_json::to_vec(&stored).unwrap_or_default())
            }
            (Change::Dropped, _) => SessionChange::Drop,
            _ => SessionChange::Keep,
        }
    }
}
