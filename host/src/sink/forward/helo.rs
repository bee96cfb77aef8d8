//! What a receiver greets with that wants a login.

use rmpv::Value;

/// What the receiver greets with.
pub(super) struct Helo {
    pub(super) nonce: Vec<u8>,
    /// Salt for the password; empty where no user is asked for.
    pub(super) auth: Vec<u8>,
    pub(super) keepalive: bool,
}

impl Helo {
    /// `["HELO", {nonce, auth, keepalive}]`
    pub(super) fn read(message: &Value) -> Option<Self> {
        let [kind, options] = message.as_array()?.as_slice() else {
            return None;
        };
        (kind.as_str() == Some("HELO")).then_some(())?;
        let options = options.as_map()?;
        let option = |name| options.iter().find(|(key, _)| key.as_str() == Some(name));
        let bytes = |name| option(name).and_then(|(_, value)| value.as_slice().map(<[u8]>::to_vec));
        Some(Self {
            nonce: bytes("nonce")?,
            auth: bytes("auth").unwrap_or_default(),
            keepalive: option("keepalive").is_none_or(|(_, value)| value.as_bool() != Some(false)),
        })
    }
}
