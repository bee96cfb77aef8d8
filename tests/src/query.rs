//! Query strings and forms, decoded without forgiveness.

use thiserror::Error;

/// Why a query string or form cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("'{0}' is not valid percent-encoding")]
    Encoding(String),
    /// The same option twice.
    #[error("the query option '{0}' is given more than once")]
    Repeated(String),
}

/// How a `+` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// As itself: in a query string nothing documents that it stands for a blank.
    Literal,
    /// As a blank: in a form.
    Blank,
}

/// Decoded name and value pairs. Names are compared without letter case, as Resource Manager does.
#[derive(Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=1&b=2`. Only `&` separates: paging tokens hold `;`.
    pub fn read(raw: &str, plus: Plus) -> Result<Query, QueryError> {
        let mut query = Query::default();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name, plus)?, decode(value, plus)?);
            if query.get(&name).is_some() {
                return Err(QueryError::Repeated(name));
            }
            query.pairs.push((name, value));
        }
        Ok(query)
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first option that is not among those given.
    pub fn other_than(&self, known: &[&str]) -> Option<&str> {
        let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.pairs
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| !is_known(name))
    }
}

fn decode(text: &str, plus: Plus) -> Result<String, QueryError> {
    let broken = || QueryError::Encoding(text.to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || {
                    rest.next()
                        .and_then(|byte| (byte as char).to_digit(16))
                        .ok_or_else(broken)
                };
                (digit()? * 16 + digit()?) as u8
            }
            b'+' if plus == Plus::Blank => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// Percent-encodes what a query value may not hold. Everything else stays as it is, among it `'`, `:` and `;`: a client
/// that re-encodes a link changes these, and the lab notices.
pub fn encode_value(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(byte as char),
            b'-' | b'_' | b'.' | b'~' | b'\'' | b':' | b';' | b'/' | b',' | b'$' | b'(' | b')' => {
                encoded.push(byte as char);
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_without_letter_case_and_percent_decoded() {
        let query = Query::read(
            "API-version=2015-04-01&%24filter=a%20b&$skipToken=US1:1;US0:-1",
            Plus::Literal,
        )
        .unwrap();
        assert_eq!(query.get("api-version"), Some("2015-04-01"));
        assert_eq!(query.get("$filter"), Some("a b"));
        assert_eq!(query.get("$skiptoken"), Some("US1:1;US0:-1"));
        assert_eq!(query.other_than(&["api-version", "$filter"]), Some("$skipToken"));
    }

    #[test]
    fn plus_is_a_blank_in_forms_only() {
        assert_eq!(Query::read("a=1+2", Plus::Literal).unwrap().get("a"), Some("1+2"));
        assert_eq!(Query::read("a=1+2", Plus::Blank).unwrap().get("a"), Some("1 2"));
    }

    #[test]
    fn broken_encoding_and_repetition_are_refused() {
        for raw in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(
                matches!(Query::read(raw, Plus::Literal), Err(QueryError::Encoding(_))),
                "{raw}"
            );
        }
        assert_eq!(
            Query::read("a=1&A=2", Plus::Literal).unwrap_err(),
            QueryError::Repeated("A".to_owned())
        );
    }

    #[test]
    fn encoded_values_decode_to_themselves() {
        for text in ["eventTimestamp ge '2026-01-01T00:00:00Z'", "a&b=c#d+e%f", "grün"] {
            let raw = format!("v={}", encode_value(text));
            assert_eq!(Query::read(&raw, Plus::Literal).unwrap().get("v"), Some(text));
        }
    }
}
