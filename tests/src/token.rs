//! Access tokens: opaque texts that really expire.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::random::Random;
use crate::time::Instant;

/// What an access token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The application it was issued to.
    pub client_id: String,
    /// What it is for.
    pub audience: String,
    /// The tenant that issued it.
    pub tenant: String,
    /// When; roles assigned later are not in it.
    pub issued: Instant,
    /// From this instant on it is refused.
    pub expires: Instant,
}

/// All tokens ever issued.
#[derive(Debug)]
pub struct Tokens {
    by_text: HashMap<String, Token>,
    random: Random,
}

impl Tokens {
    /// None yet.
    pub fn new(seed: u64) -> Tokens {
        Tokens {
            by_text: HashMap::new(),
            random: Random::new(seed),
        }
    }

    /// Issues a token and gives its text, which is about as long as a real one and says nothing.
    pub fn issue(
        &mut self,
        client_id: &str,
        audience: &str,
        tenant: &str,
        now: Instant,
        life: TimeDelta,
    ) -> String {
        let words: String = (0..64)
            .map(|_| format!("{:016x}", self.random.number()))
            .collect();
        let text = format!("lab.{words}");
        let token = Token {
            client_id: client_id.to_owned(),
            audience: audience.to_owned(),
            tenant: tenant.to_owned(),
            issued: now,
            expires: now + life,
        };
        self.by_text.insert(text.clone(), token);
        text
    }

    /// The token with this text.
    pub fn find(&self, text: &str) -> Option<&Token> {
        self.by_text.get(text)
    }

    /// Lets a token expire before its time.
    pub fn expire(&mut self, text: &str, now: Instant) {
        if let Some(token) = self.by_text.get_mut(text) {
            token.expires = token.expires.min(now);
        }
    }

    /// How many were issued.
    pub fn count(&self) -> usize {
        self.by_text.len()
    }
}
