//! What a plugin reports as an error, made fit for people.

use super::{contract, raw};
use crate::model::Failure;
use crate::redact::Redactor;

/// A code for one that is none. Codes are constants that people search for, so they are taken as they are or not at all.
const NO_CODE: &str = "plugin.invalid-code";
/// Codes of this length may hold a token; shorter ones happen to share a word with a secret.
const LONG_CODE: usize = 20;

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
        message: redactor.clean(&error.message),
        hint: error.hint.map(|hint| redactor.clean(&hint)),
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
            session: None,
        };
        judge(error, redactor)
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
