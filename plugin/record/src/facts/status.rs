use super::outcome::Outcome;
use super::phase::Phase;
use crate::json::{Text, bytes};

/// What status words say of the outcome, and some of the phase; in lower case without blanks, the frequent ones first. The
/// base is Microsoft's ASIM parser for this log, which counts operations under way and states as success; here the former are
/// unknown and the latter have none, so that a rule on successes fires once and only when it is true.
const WORDS: [(&str, Outcome, Option<Phase>); 16] = [
    ("succeeded", Outcome::Success, None),
    ("started", Outcome::Unknown, Some(Phase::Start)),
    ("accepted", Outcome::Unknown, Some(Phase::Accepted)),
    ("failed", Outcome::Failure, None),
    ("success", Outcome::Success, None),
    ("active", Outcome::Absent, None),
    ("resolved", Outcome::Absent, None),
    ("updated", Outcome::Absent, None),
    ("failure", Outcome::Failure, None),
    ("cancel", Outcome::Failure, None),
    ("canceled", Outcome::Failure, None),
    ("cancelled", Outcome::Failure, None),
    ("rejected", Outcome::Failure, None),
    ("start", Outcome::Unknown, Some(Phase::Start)),
    ("accept", Outcome::Unknown, Some(Phase::Accepted)),
    ("inprogress", Outcome::Unknown, None),
];

/// What a status means.
pub fn meaning(status: Option<Text<'_>>) -> (Outcome, Option<Phase>) {
    let Some(status) = status else {
        return (Outcome::Absent, None);
    };
    let known = |status: Text<'_>| WORDS.iter().find(|(word, ..)| status.is(word));
    // Hardly any status has a blank in it.
    let known = known(status).or_else(|| known(Text::plain(&word(&status.decoded()))));
    known.map_or((Outcome::Unknown, None), |(_, outcome, phase)| (*outcome, *phase))
}

/// A word in lower case without blanks, which is how words are compared here.
pub fn word(text: &[u8]) -> Vec<u8> {
    let mut word = bytes::lower(text);
    if bytes::find(b' ', &word).is_some() {
        word.retain(|byte| *byte != b' ');
    }
    word
}
