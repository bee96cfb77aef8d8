use std::borrow::Cow;
use std::net::IpAddr;

use crate::json::{Scanner, Shape, Text, Value, bytes};

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// The address without port and brackets.
    pub text: Cow<'a, [u8]>,
    /// Whether it is an IP address; the log also holds `127.0.0.0/8` and the like.
    pub is_ip: bool,
}

impl<'a> Address<'a> {
    /// Reads a value that holds an address: text, or a list of texts, whose first is the client.
    pub(super) fn in_value(value: Value<'a>) -> Option<Self> {
        let text = match value.shape() {
            Shape::Array(raw) => Scanner::new(raw).first_element()?.text(),
            _ => value.text(),
        };
        text.map(Address::of)
    }

    /// Reads an address, with or without a port. Each proxy on the way adds its own behind a comma: the first is the
    /// client.
    pub fn of(text: Text<'a>) -> Self {
        let whole = first_of_list(text.decoded());
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

fn first_of_list(list: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let Some(comma) = bytes::find(b',', &list) else {
        return list;
    };
    match list {
        Cow::Borrowed(list) => Cow::Borrowed(list[..comma].trim_ascii()),
        Cow::Owned(list) => Cow::Owned(list[..comma].trim_ascii().to_vec()),
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
            ("203.0.113.7, 198.51.100.1, 10.0.0.1", "203.0.113.7", true),
            ("203.0.113.7:51234,198.51.100.1:80", "203.0.113.7", true),
            ("[2001:db8::1]:443 , 198.51.100.1", "2001:db8::1", true),
            ("2001:db8::1,198.51.100.1", "2001:db8::1", true),
            ("unknown, 198.51.100.1", "unknown", false),
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
