//! What is remembered between calls and can be done without: the access token, and when the login may be tried again.

use serde::{Deserialize, Serialize};

use crate::config::{Secret, Settings};
use crate::contract::Timestamp;
use crate::fault::entra::Refusal;
use crate::json::bytes;

/// Written at the front, so that a later version can change the rest.
const VERSION: u32 = 1;

/// A source's session.
#[derive(Debug, Default)]
pub struct Session {
    /// The access token.
    pub token: Option<Token>,
    /// The last refused login.
    pub refused: Option<Refused>,
    /// What is known of the list of subscriptions.
    pub listing: Listing,
    /// When the source was first called; zero before that. What `start` counts back from, so that a login that is refused
    /// at first costs nothing of it.
    pub since: Timestamp,
}

/// How the lists of subscriptions were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// One of them was as it should be.
    pub complete: bool,
    /// So many since then were not.
    pub odd: u32,
}

/// An access token for the resource manager.
#[derive(Debug, Clone)]
pub struct Token {
    /// The bearer token.
    pub text: Secret,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on a new one is fetched: some time before it ends.
    pub renew: Timestamp,
}

/// A login that failed, kept so that a thousand partitions do not repeat it at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// Before this the token endpoint is left alone.
    pub until: Timestamp,
    /// What it said.
    pub refusal: Refusal,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    key: u64,
    token: Option<StoredToken>,
    refused: Option<Refused>,
    #[serde(default)]
    listing: Listing,
    #[serde(default)]
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct StoredToken {
    text: String,
    issued: Timestamp,
    renew: Timestamp,
}

impl Session {
    /// Reads what [`Session::write`] wrote. A session of another version, of other settings or of nobody's making is as
    /// good as none.
    pub fn read(bytes: Option<&[u8]>, settings: &Settings) -> Session {
        let stored: Option<Stored> = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
        match stored {
            Some(stored) if stored.version == VERSION && stored.key == key(settings) => Session {
                token: stored.token.map(|token| Token {
                    text: Secret::new(token.text),
                    issued: token.issued,
                    renew: token.renew,
                }),
                refused: stored.refused,
                listing: stored.listing,
                since: stored.since,
            },
            // A corrected secret is no new source.
            stored => Session {
                since: stored.map_or(0, |stored| stored.since),
                ..Session::default()
            },
        }
    }

    /// The session as bytes for the host. They hold the token.
    pub fn write(&self, settings: &Settings) -> Vec<u8> {
        let stored = Stored {
            version: VERSION,
            key: key(settings),
            token: self.token.as_ref().map(|token| StoredToken {
                text: token.text.expose().to_owned(),
                issued: token.issued,
                renew: token.renew,
            }),
            refused: self.refused.clone(),
            listing: self.listing,
            since: self.since,
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }
}

/// Binds a session to everything that a login depends on, so that a corrected secret is tried at once.
fn key(settings: &Settings) -> u64 {
    let parts = [
        settings.cloud.authority.as_str(),
        settings.cloud.resource_manager.as_str(),
        settings.tenant.as_str(),
        settings.client.as_str(),
        settings.credential.expose(),
    ];
    bytes::hash(parts.join("\n").as_bytes())
}
