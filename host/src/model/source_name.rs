//! What a source may be called.

/// Letters of a source's name, which becomes part of file names, metrics and log lines.
const LONGEST: usize = 64;
/// The rule in words, for messages.
pub const SOURCE_NAME_RULE: &str =
    "use letters, digits, `-`, `_` and `.` only, at most 64, not beginning with `.`";

/// Whether a text can be the name of a source.
pub fn is_source_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(fits)
}
