//! Patterns of operation names: `Microsoft.Network/dnsZones/*/write`.

use std::fmt;

use crate::json::bytes;

/// A pattern of whole segments, letter case aside. A segment `*` stands for any number of segments, also none; there
/// is no other wildcard, so that nothing matches inside a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Any,
    Word(Vec<u8>),
}

/// Why some text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No text at all.
    #[error("an operation pattern cannot be empty; `*` matches every operation")]
    Empty,
    /// Two slashes in a row, or one at an end.
    #[error("an operation pattern has a name or `*` on both sides of each `/`")]
    EmptySegment,
    /// A `*` inside a word.
    #[error("`*` matches whole segments between slashes, never a part of a name")]
    PartialWildcard,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let segments = text.split('/').map(|segment| match segment {
            "" => Err(PatternError::EmptySegment),
            "*" => Ok(Segment::Any),
            word if word.contains('*') => Err(PatternError::PartialWildcard),
            word => Ok(Segment::Word(word.to_ascii_lowercase().into_bytes())),
        });
        Ok(Pattern {
            text: text.to_owned(),
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The last segment in lower case; none for a wildcard.
    pub fn last(&self) -> Option<&[u8]> {
        self.segments.last().and_then(Segment::word)
    }

    /// Whether `operation`, in lower case, matches.
    pub fn matches(&self, operation: &[u8]) -> bool {
        // Most patterns end in a word, and most operations in another.
        if self.last().is_some_and(|word| !operation.ends_with(word)) {
            return false;
        }
        let mut pattern = self.segments.as_slice();
        let mut rest = Some(operation);
        // Where to go on when what follows the last wildcard fails: that wildcard then takes one segment more.
        let mut retry = None;
        loop {
            match (pattern.split_first(), rest) {
                (None, None) => return true,
                (Some((Segment::Any, after)), _) => {
                    pattern = after;
                    retry = Some((after, rest));
                    continue;
                }
                (Some((Segment::Word(word), after)), Some(text)) => {
                    let (segment, following) = first_segment(text);
                    if segment == word {
                        pattern = after;
                        rest = following;
                        continue;
                    }
                }
                _ => {}
            }
            let Some((after, Some(text))) = retry else {
                return false;
            };
            pattern = after;
            rest = first_segment(text).1;
            retry = Some((after, rest));
        }
    }
}

impl Segment {
    fn word(&self) -> Option<&[u8]> {
        match self {
            Segment::Word(word) => Some(word),
            Segment::Any => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The segment at the start, and what follows its slash; none if there is none.
pub(crate) fn first_segment(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes::find(b'/', text) {
        Some(slash) => (&text[..slash], Some(&text[slash + 1..])),
        None => (text, None),
    }
}

/// What comes before the last slash, and the segment at the end.
pub(crate) fn last_segment(text: &[u8]) -> (&[u8], &[u8]) {
    match bytes::find_last(b'/', text) {
        Some(slash) => (&text[..slash], &text[slash + 1..]),
        None => (&[], text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        for (pattern, operation, expected) in [
            ("*/read", "microsoft.keyvault/vaults/read", true),
            ("*/read", "read", true),
            ("*/read", "microsoft.keyvault/deletedvaults/thread", false),
            (
                "*/keyVaults/delete",
                "microsoft.keyvault/deletedkeyvaults/delete",
                false,
            ),
            ("*/KEYVAULTS/delete", "microsoft.x/keyvaults/delete", true),
            (
                "Microsoft.Network/dnsZones/*/write",
                "microsoft.network/dnszones/write",
                true,
            ),
            (
                "Microsoft.Network/dnsZones/*/write",
                "microsoft.network/dnszones/a/write",
                true,
            ),
            (
                "Microsoft.Network/dnsZones/*/write",
                "microsoft.network/dnszones/a/b/write",
                true,
            ),
            (
                "Microsoft.Network/dnsZones/*/write",
                "microsoft.network/dnszones/write/x",
                false,
            ),
            ("a/*/b/*/c", "a/b/b/x/c", true),
            ("a/*/b/*/c", "a/x/c", false),
            ("*", "anything/at/all", true),
            ("*", "", true),
            ("a/*", "a", true),
            ("a/*", "b", false),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(operation.as_bytes()),
                expected,
                "{pattern} on {operation}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, expected) in [
            (" ", PatternError::Empty),
            ("/read", PatternError::EmptySegment),
            ("a//b", PatternError::EmptySegment),
            ("Microsoft.*/read", PatternError::PartialWildcard),
        ] {
            assert_eq!(Pattern::parse(text), Err(expected), "{text}");
        }
    }
}
