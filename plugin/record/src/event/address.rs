use std::borrow::Cow;
use std::net::IpAddr;

use crate::json::Text;

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// The address without port and brackets.
    pub text: Cow<'a, [u8]>,
    /// Whether it is an IP address; the log also holds `127.0.0.0/8` and the like.
    pub is_ip: bool,
}

impl<'a> Address<'a> {
    /// Reads an address, with or without a port.
    pub fn of(text: Text<'a>) -> Self {
        let whole = text.decoded();
        if is_ip(&whole) {
            return Address {
                text: whole,
                is_ip: true,
            };
        }
        let host = without_port(&whole);
        if !is_ip(host) {
            return Address {
                text: whole,
                is_ip: false,
            };
        }
        let text = match whole {
            Cow::Borrowed(whole) => Cow::Borrowed(without_port(whole)),
            Cow::Owned(ref whole) => Cow::Owned(without_port(whole).to_vec()),
        };
        Address { text, is_ip: true }
    }
}

fn is_ip(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

fn without_port(text: &[u8]) -> &[u8] {
    if let Some(inside) = text.strip_prefix(b"[") {
        return inside.split(|&byte| byte == b']').next().unwrap_or(inside);
    }
    match text.iter().rposition(|&byte| byte == b':') {
        Some(colon) => &text[..colon],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_and_what_is_no_address_stays_text() {
        for (given, text, is_ip) in [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7:51234", "203.0.113.7", true),
            ("2001:db8::1", "2001:db8::1", true),
            ("[2001:db8::1]:443", "2001:db8::1", true),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("127.0.0.0/8", "127.0.0.0/8", false),
            ("host:80", "host:80", false),
            ("999.1.1.1", "999.1.1.1", false),
        ] {
            let address = Address::of(Text::plain(given.as_bytes()));
            assert_eq!(
                (&*address.text, address.is_ip),
                (text.as_bytes(), is_ip),
                "{given}"
            );
        }
    }
}
