//! Percent-encoding (RFC 3986), for query strings and for form bodies.

/// Encodes everything but the unreserved characters; a blank becomes `%20`, which queries and forms both read.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => push(&mut encoded, byte),
        }
    }
    encoded
}

/// Encodes only the bytes that cannot stand in a request line (blanks, control characters, anything beyond ASCII), and
/// leaves every other byte as it is, `;` and `%` included.
pub fn make_sendable(url: &str) -> String {
    let mut sendable = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'!'..=b'~' => sendable.push(char::from(byte)),
            _ => push(&mut sendable, byte),
        }
    }
    sendable
}

fn push(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_whole() {
        assert_eq!(encode("a b+c/d~e.f'é"), "a%20b%2Bc%2Fd~e.f%27%C3%A9");
    }

    #[test]
    fn links_change_only_where_no_request_line_could_carry_them() {
        let link = "https://example.com/a?$skiptoken=US1:0636;EU1:-1%20&'(x)[y]\"<z>";
        assert_eq!(make_sendable(link), link);
        assert_eq!(make_sendable("a b\u{e9}\r\n"), "a%20b%C3%A9%0D%0A");
    }
}
