use crate::json::bytes;

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused, failed or was called off.
    Failure,
    /// It is under way, or the record says something else.
    Unknown,
    /// The record says nothing.
    Absent,
}

/// Status words by outcome, in lower case without blanks. The base is Microsoft's ASIM parser for this log, which counts
/// operations under way as success; here they are unknown, so that a rule on successes fires once and only when it
/// is true.
const OUTCOMES: [(&str, Outcome); 16] = [
    ("succeeded", Outcome::Success),
    ("success", Outcome::Success),
    ("active", Outcome::Success),
    ("resolved", Outcome::Success),
    ("updated", Outcome::Success),
    ("failed", Outcome::Failure),
    ("failure", Outcome::Failure),
    ("cancel", Outcome::Failure),
    ("canceled", Outcome::Failure),
    ("cancelled", Outcome::Failure),
    ("rejected", Outcome::Failure),
    ("start", Outcome::Unknown),
    ("started", Outcome::Unknown),
    ("accept", Outcome::Unknown),
    ("accepted", Outcome::Unknown),
    ("inprogress", Outcome::Unknown),
];

impl Outcome {
    /// The outcome that a status means; the status is a [`word`].
    pub fn of(status: Option<&[u8]>) -> Outcome {
        let Some(status) = status else {
            return Outcome::Absent;
        };
        let known = OUTCOMES
            .iter()
            .find(|(word, _)| bytes::same_letters(status, word.as_bytes()));
        known.map_or(Outcome::Unknown, |(_, outcome)| *outcome)
    }
}

/// A word in lower case without blanks, which is how words are compared here.
pub fn word(text: &[u8]) -> Vec<u8> {
    let mut word = bytes::lower(text);
    if bytes::find(b' ', &word).is_some() {
        word.retain(|byte| *byte != b' ');
    }
    word
}
