//! The format `raw`: a record as received.

/// The record on one line.
pub(crate) fn write(record: &str) -> Result<String, String> {
    let line = activity_json::minify(record.as_bytes());
    line.and_then(|line| String::from_utf8(line).ok())
        .ok_or_else(|| "it is not JSON".to_owned())
}
