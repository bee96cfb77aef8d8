//! Takes a source's secrets out of text, in whatever usual spelling they are there.
//!
//! The spellings are not written down one by one: the text is read in several ways (`view`), and each reading is searched
//! for the secrets themselves. So the work is linear in the text, whatever the secrets are, and an
//! escape is found wherever in a secret it is. What the host itself writes, codes above all, is never redacted.

pub mod printable;
mod search;
mod view;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::search::Search;
use self::view::SEPARATOR;
use crate::redact::printable::visible;

/// Shorter texts are no secrets: removing every `a` from a message would only ruin it.
const SHORTEST_SECRET: usize = 4;
/// Ids, labels and cursors that hold a secret are refused. Shorter secrets occur in them by chance.
const SHORTEST_REFUSED: usize = 8;
/// Lines of a secret of several lines that are secrets by themselves.
const SHORTEST_LINE: usize = 16;
/// Words of a session from this length on are taken for credentials. Longer than a GUID (36), which names a tenant and
/// belongs into messages; shorter than any token.
const SHORTEST_TOKEN: usize = 40;
/// The value of a header field that logs in is a credential from this length on.
const SHORTEST_CREDENTIAL: usize = 8;
/// What a secret is replaced by.
const REPLACEMENT: &str = "[secret]";
/// Longest text shown, in letters; a person reads no more of one sentence.
const LONGEST_TEXT: usize = 2_000;
/// The same in bytes, and how far beyond it a secret may reach that begins before it.
const SHOWN_BYTES: usize = 4 * LONGEST_TEXT;
const LOOK_AHEAD: usize = 32 << 10;
/// Long texts are searched in windows of this size, so that reading them in other ways takes little memory.
const WINDOW: usize = 256 << 10;
/// A spelling is at most this much longer than the secret (`\u0070`).
const LONGEST_SPELLING: usize = 6;
/// Texts up to this size are searched for spellings of spellings, too.
const TWICE: usize = 8 << 10;

/// Removes a source's secrets from text. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Searched one after the other, so that what a plugin returns as its session cannot hide what the operator gave.
    layers: Vec<Arc<Layer>>,
}

/// Secrets that became known together.
struct Layer {
    search: Search,
    /// What is looked for, sorted.
    patterns: Vec<String>,
    /// Whether an id or a cursor with this secret in it is refused, by the number of the pattern.
    refused: Vec<bool>,
    longest: usize,
    /// Nothing is found in what is shorter, of all patterns and of those that are refused.
    shortest: usize,
    shortest_refused: usize,
}

/// Which secrets are looked for.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    /// Those that may be no part of what is kept or used as a key.
    Refused,
}

impl Redactor {
    /// A redactor of these secrets. Those under four bytes are left alone: they would ruin every text.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self::default().with_secrets(secrets)
    }

    /// The same redactor, which also knows these secrets.
    #[must_use]
    pub fn with_secrets(&self, secrets: impl IntoIterator<Item = String>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            let lines = secret.lines().map(str::trim);
            let lines = lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
            if secret.contains('\n') {
                patterns.extend(lines.map(str::to_owned));
            }
            patterns.push(secret);
        }
        self.with_layer(patterns, SHORTEST_SECRET)
    }

    /// The same redactor, which also knows the credentials in a session.
    #[must_use]
    pub fn with_session(&self, session: Option<&[u8]>) -> Self {
        let text = String::from_utf8_lossy(session.unwrap_or_default());
        let is_boundary = |letter: char| {
            !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '~' | '+' | '/' | '='))
        };
        let tokens = text.split(is_boundary).map(str::to_owned);
        self.with_layer(tokens, SHORTEST_TOKEN)
    }

    /// The same redactor, which also knows what a request logged in with: `Bearer …`, `Basic …`, or the bare word.
    #[must_use]
    pub fn with_credentials(&self, fields: impl IntoIterator<Item = String>) -> Self {
        let words = fields.into_iter().flat_map(|field| {
            field
                .split([' ', ';', ','])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        self.with_layer(words, SHORTEST_CREDENTIAL)
    }

    /// The same redactor, which also knows what another one knows.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        // Looking for the same secrets twice finds nothing more.
        let is_new = |layer: &&Arc<Layer>| !self.layers.iter().any(|own| own.patterns == layer.patterns);
        let new = other.layers.iter().filter(is_new);
        Self {
            layers: self.layers.iter().chain(new).cloned().collect(),
        }
    }

    fn with_layer(&self, patterns: impl IntoIterator<Item = String>, shortest: usize) -> Self {
        let mut patterns: Vec<String> = patterns
            .into_iter()
            .filter(|pattern| pattern.len() >= shortest)
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        let mut layers = self.layers.clone();
        // Looking for the same secrets twice finds nothing more. A part of them would: longer ones hide shorter ones.
        let is_known = layers.iter().any(|layer| layer.patterns == patterns);
        if !patterns.is_empty() && !is_known {
            layers.push(Arc::new(Layer::new(patterns)));
        }
        Self { layers }
    }

    /// The memory that it takes, in bytes. What it shares with others counts in full.
    pub(crate) fn memory(&self) -> usize {
        self.layers.iter().map(|layer| layer.memory()).sum()
    }

    /// The text without secrets, as it is otherwise.
    pub fn redact(&self, text: &str) -> String {
        match self.redact_bytes(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The bytes without secrets; none if they hold none.
    pub fn redact_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let found = self.find(bytes, Wanted::All);
        (!found.is_empty()).then(|| replaced(bytes, &found))
    }

    /// The text as one bounded line without secrets and without anything that a terminal would obey. However long the
    /// text is, only its beginning is looked at.
    pub fn clean(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut found = self.find(&bytes[..bytes.len().min(SHOWN_BYTES + LOOK_AHEAD)], Wanted::All);
        let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
        found.retain(|range| range.start < shown.len());
        let text = replaced(shown, &found);
        let mut line: String = String::from_utf8_lossy(&text)
            .chars()
            .map(visible)
            .take(LONGEST_TEXT + 1)
            .collect();
        if line.chars().count() > LONGEST_TEXT || shown.len() < bytes.len() {
            line = line.chars().take(LONGEST_TEXT).collect();
            line.push('…');
        }
        line
    }

    /// Whether something that is kept or used as a key (an id, a label, a cursor) gives a secret away. Secrets under
    /// eight bytes, GUIDs and addresses do not count: they name things, and are there for good reasons.
    pub fn is_given_away_by(&self, bytes: &[u8]) -> bool {
        !self.find(bytes, Wanted::Refused).is_empty()
    }

    /// Whether one of these texts may give a secret away ([`Redactor::is_given_away_by`]). Looking through many at once
    /// takes a fraction of the time.
    pub(crate) fn is_given_away_by_any<'a>(&self, texts: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let shortest = self.shortest(Wanted::Refused);
        let mut joined = Vec::with_capacity(TWICE);
        for text in texts {
            if text.len() < shortest {
                continue;
            }
            if !joined.is_empty() {
                joined.push(SEPARATOR);
            }
            // Longer texts are read in fewer ways.
            if joined.len() + text.len() > TWICE {
                if self.is_given_away_by(&joined) {
                    return true;
                }
                joined.clear();
            }
            joined.extend_from_slice(text);
        }
        self.is_given_away_by(&joined)
    }

    /// Nothing that is wanted is shorter.
    fn shortest(&self, wanted: Wanted) -> usize {
        let shortest = self.layers.iter().map(|layer| layer.shortest(wanted));
        shortest.min().unwrap_or(usize::MAX)
    }

    /// Where secrets are, in order, apart from each other.
    fn find(&self, text: &[u8], wanted: Wanted) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let shortest = self.shortest(wanted);
        if text.len() < shortest {
            return found;
        }
        let reach = self.layers.iter().map(|layer| layer.longest).max().unwrap_or(0) * LONGEST_SPELLING;
        let mut start = 0;
        while start < text.len() {
            let window = &text[start..text.len().min(start + WINDOW + reach)];
            let depth = if text.len() <= TWICE { 2 } else { 1 };
            self.find_in(window, depth, shortest, wanted, &mut |range| {
                found.push(start + range.start..start + range.end);
            });
            start += WINDOW;
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        found.dedup_by(|next, last| {
            let overlap = next.start <= last.end;
            if overlap {
                last.end = last.end.max(next.end);
            }
            overlap
        });
        found
    }

    fn find_in(
        &self,
        text: &[u8],
        depth: u32,
        shortest: usize,
        wanted: Wanted,
        each: &mut dyn FnMut(Range<usize>),
    ) {
        for layer in &self.layers {
            if text.len() < layer.shortest(wanted) {
                continue;
            }
            layer.search.find(&layer.patterns, text, &mut |pattern, range| {
                if layer.wants(pattern, wanted) {
                    each(range);
                }
            });
        }
        if depth > 0 {
            view::all(text, shortest, |view| {
                self.find_in(&view.bytes, depth - 1, shortest, wanted, &mut |range| {
                    each(view.origin(&range))
                });
            });
        }
    }
}

impl Layer {
    fn new(patterns: Vec<String>) -> Self {
        let refused: Vec<bool> = patterns.iter().map(|pattern| is_refused(pattern)).collect();
        let shortest = |counts: &dyn Fn(usize) -> bool| {
            let counted = patterns.iter().enumerate().filter(|(index, _)| counts(*index));
            counted
                .map(|(_, pattern)| pattern.len())
                .min()
                .unwrap_or(usize::MAX)
        };
        let (shortest, shortest_refused) = (shortest(&|_| true), shortest(&|index| refused[index]));
        Self {
            search: Search::new(&patterns),
            refused,
            longest: patterns.iter().map(String::len).max().unwrap_or(0),
            shortest,
            shortest_refused,
            patterns,
        }
    }

    fn wants(&self, pattern: usize, wanted: Wanted) -> bool {
        match wanted {
            Wanted::All => true,
            Wanted::Refused => self.refused[pattern] || matches!(self.search, Search::Broken),
        }
    }

    fn shortest(&self, wanted: Wanted) -> usize {
        match wanted {
            // Every text is a secret.
            _ if matches!(self.search, Search::Broken) => 0,
            Wanted::All => self.shortest,
            Wanted::Refused => self.shortest_refused,
        }
    }

    fn memory(&self) -> usize {
        let pattern = |pattern: &String| pattern.capacity() + size_of::<String>() + size_of::<bool>();
        let patterns: usize = self.patterns.iter().map(pattern).sum();
        patterns + self.search.memory()
    }
}

/// Whether an id may not hold this secret.
fn is_refused(secret: &str) -> bool {
    secret.len() >= SHORTEST_REFUSED && !is_guid(secret) && !secret.contains("//")
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn replaced(text: &[u8], found: &[Range<usize>]) -> Vec<u8> {
    let mut redacted = Vec::with_capacity(text.len());
    let mut end = 0;
    for range in found {
        redacted.extend_from_slice(&text[end..range.start]);
        redacted.extend_from_slice(REPLACEMENT.as_bytes());
        end = range.end.min(text.len());
    }
    redacted.extend_from_slice(&text[end..]);
    redacted
}

/// What may be written as it is in a URL or a form (RFC 3986, section 2.3); everything else is written as `%XX`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text as it stands in a URL or a form.
pub(crate) fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as it stands between the quotes of a JSON string.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden: usize = self.layers.iter().map(|layer| layer.refused.len()).sum();
        write!(formatter, "Redactor({hidden} hidden)")
    }
}

#[cfg(test)]
mod tests;
