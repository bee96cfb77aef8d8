//! What the bodies of refusals say.

use serde_json::Value;

use crate::http::Response;

/// Most bytes of an error body that are looked at. Longer ones are web pages.
const BODY_LIMIT: usize = 64 * 1024;

/// An error's body; `null` where it is not JSON or a web page.
pub fn error_body(response: &Response) -> Value {
    if response.body.len() > BODY_LIMIT {
        Value::Null
    } else {
        serde_json::from_slice(without_mark(&response.body)).unwrap_or_default()
    }
}

/// A body without the byte order mark that some gateways put before JSON.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A member by its name, whatever the letter case: services spell those of errors in more than one way. `null` if
/// there is none.
pub fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    let members = object.as_object();
    let found = members.and_then(|members| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map_or(NULL, |(_, value)| value)
}
