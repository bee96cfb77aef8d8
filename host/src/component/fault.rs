//! What a plugin reports as an error, made fit for people.

use super::{contract, raw};
use crate::model::Failure;
use crate::redact::Redactor;

/// A code for one that is none. Codes are constants that people search for, so they are taken as they are or not at all.
const NO_CODE: &str = "plugin.invalid-code";
/// Codes of this length may hold a token; shorter ones happen to share a word with a secret.
const LONG_CODE: usize = 20;

/// Characters of a message and of a hint: they are log lines, and rows of the status page.
const LONGEST_SENTENCE: usize = 2_000;

/// A sentence for people. A cut could leave a part of a secret, so secrets are looked for before it.
fn sentence(text: &str, redactor: &Redactor) -> String {
    let mut text = redactor.clean(text);
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn checked_code(code: String, redactor: &Redactor) -> String {
    if contract::is_code(&code) && (code.len() < LONG_CODE || !redactor.is_given_away_by(code.as_bytes())) {
        code
    } else {
        NO_CODE.to_owned()
    }
}

/// A plugin's error without the secrets that it should not hold anyway.
pub(super) fn judge(error: raw::Error, redactor: &Redactor) -> Failure {
    Failure {
        fault: error.fault,
        code: checked_code(error.code, redactor),
        message: sentence(&error.message, redactor),
        hint: error.hint.map(|hint| sentence(&hint, redactor)),
        retry_after: error.retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fault;

    fn failed(code: &str, redactor: &Redactor) -> Failure {
        let error = raw::Error {
            fault: Fault::Denied,
            code: code.to_owned(),
            message: "the secret is wrong: a-secret-of-mine".to_owned(),
            hint: Some("renew a-secret-of-mine".to_owned()),
            retry_after: None,
            session: raw::SessionChange::Keep,
            measures: Vec::new(),
        };
        judge(error, redactor)
    }

    #[test]
    fn a_long_message_is_cut_and_no_part_of_a_secret_is_left_there() {
        let redactor = Redactor::new(["a-secret-of-mine".to_owned()]);
        for before in LONGEST_SENTENCE - 16..=LONGEST_SENTENCE {
            let text = format!("{}a-secret-of-mine", "x".repeat(before));
            let shown = sentence(&text, &redactor);
            assert!(!shown.contains("a-s"), "{before}: {shown}");
            assert!(shown.chars().count() <= LONGEST_SENTENCE + 1);
        }
    }

    #[test]
    fn a_code_is_never_redacted_and_never_anything_else() {
        let redactor = Redactor::new(["secret".to_owned(), "a-secret-of-mine".to_owned()]);
        let failure = failed("entra.wrong_secret", &redactor);
        assert_eq!(failure.code, "entra.wrong_secret");
        assert_eq!(failure.message, "the [secret] is wrong: [secret]");
        for code in [
            "",
            "Not A Code",
            "x\n",
            "a\u{1b}b",
            &"x".repeat(65),
            "code.is.a-secret-of-mine",
        ] {
            assert_eq!(failed(code, &redactor).code, NO_CODE, "{code:?}");
        }
    }
}
