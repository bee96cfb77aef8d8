//! Makes text from a plugin fit for people's eyes: secrets out, terminal control out, length bounded.

use std::fmt;

/// Shorter texts are no secrets: removing every `a` from a message would only ruin it.
const SHORTEST_SECRET: usize = 4;
/// Words of a session from this length on are taken for credentials. Longer than a GUID (36), which names a tenant and
/// belongs into messages; shorter than any token.
const SHORTEST_TOKEN: usize = 40;
/// What a secret is replaced by.
const REPLACEMENT: &str = "[secret]";
/// Longest text shown; a person reads no more of one sentence.
const LONGEST_TEXT: usize = 2_000;

/// Removes a source's secrets from text.
#[derive(Clone, Default)]
pub struct Scrubber {
    /// Longest first, so that a secret inside another one does not leave the rest behind.
    secrets: Vec<String>,
}

impl Scrubber {
    /// A scrubber of these secrets, as they are and as they look inside JSON and inside a URL or form.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for secret in secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
        {
            all.push(percent_encoded(&secret));
            all.push(json_escaped(&secret));
            all.push(secret);
        }
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self { secrets: all }
    }

    /// The same scrubber, which also knows these secrets.
    #[must_use]
    pub fn with_secrets(&self, secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::new(secrets).secrets;
        all.extend_from_slice(&self.secrets);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets: all }
    }

    /// The same scrubber, which also knows the credentials in a session.
    #[must_use]
    pub fn with_session(&self, session: Option<&[u8]>) -> Self {
        let text = String::from_utf8_lossy(session.unwrap_or_default());
        let is_boundary = |letter: char| {
            !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '~' | '+' | '/' | '='))
        };
        let tokens = text
            .split(is_boundary)
            .filter(|word| word.len() >= SHORTEST_TOKEN)
            .map(str::to_owned);
        let mut secrets: Vec<String> = tokens.chain(self.secrets.iter().cloned()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// The text without secrets, as it is otherwise.
    pub fn redact(&self, text: &str) -> String {
        self.secrets
            .iter()
            .filter(|secret| text.contains(secret.as_str()))
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret.as_str(), REPLACEMENT)
            })
    }

    /// The text as one bounded line without secrets and without anything that a terminal would obey.
    pub fn clean(&self, text: &str) -> String {
        let mut line: String = self
            .redact(text)
            .chars()
            .map(visible)
            .take(LONGEST_TEXT + 1)
            .collect();
        if line.chars().count() > LONGEST_TEXT {
            line.pop();
            line.push('…');
        }
        line
    }
}

/// A letter that has no power over a terminal: control and direction marks become a replacement sign, line ends blanks.
fn visible(letter: char) -> char {
    match letter {
        '\n' | '\r' | '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// A text as it stands in a URL or a form.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// A text as it stands between the quotes of a JSON string.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scrubber({} hidden)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_removed_in_every_usual_spelling() {
        let scrubber = Scrubber::new([
            "p/q+\"r".to_owned(),
            "inner".to_owned(),
            "an inner secret".to_owned(),
            "abc".to_owned(),
        ]);
        for (text, expected) in [
            ("secret p/q+\"r here", "secret [secret] here"),
            ("form p%2Fq%2B%22r", "form [secret]"),
            (r#"{"s":"p/q+\"r"}"#, r#"{"s":"[secret]"}"#),
            ("an inner secret", "[secret]"),
            ("abc is too short to be one", "abc is too short to be one"),
        ] {
            assert_eq!(scrubber.clean(text), expected, "{text}");
        }
    }

    #[test]
    fn tokens_of_a_session_are_secrets_and_guids_are_not() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
        let session =
            format!("1 {{\"token\":\"{token}\",\"tenant\":\"11111111-2222-3333-4444-555555555555\"}}");
        let scrubber = Scrubber::default().with_session(Some(session.as_bytes()));
        let text = format!("Bearer {token} of 11111111-2222-3333-4444-555555555555");
        assert_eq!(
            scrubber.clean(&text),
            "Bearer [secret] of 11111111-2222-3333-4444-555555555555"
        );
    }

    #[test]
    fn terminal_escapes_and_line_ends_lose_their_power() {
        let cleaned = Scrubber::default().clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}e\0");
        assert_eq!(cleaned, "a\u{fffd}[2Jb  c\u{fffd}d\u{fffd}e\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(
            Scrubber::default().clean(&"x".repeat(1 << 20)).chars().count(),
            LONGEST_TEXT + 1
        );
    }
}
