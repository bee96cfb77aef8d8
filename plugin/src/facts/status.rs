use crate::json::Text;

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
    /// The outcome that a status means, letter case and blanks aside.
    pub fn of(status: Option<Text<'_>>) -> Outcome {
        let Some(status) = status else {
            return Outcome::Absent;
        };
        let known = OUTCOMES
            .iter()
            .find(|(word, _)| same_word(&status.decoded(), word));
        known.map_or(Outcome::Unknown, |(_, outcome)| *outcome)
    }
}

/// Whether `text` is `word` (in lower case), letter case and blanks aside.
pub fn same_word(text: &[u8], word: &str) -> bool {
    let letters = text
        .iter()
        .filter(|byte| **byte != b' ')
        .map(u8::to_ascii_lowercase);
    letters.eq(word.bytes())
}
