//! How Resource Manager says no.

use http::StatusCode;

use crate::answer::Answer;

/// Something, or the answer that says why not. Boxed, since answers are large and refusals rare.
pub(crate) type OrRefusal<T> = Result<T, Box<Answer>>;

/// An error in Resource Manager's shape.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> Box<Answer> {
    Box::new(Answer::arm_error(status, code, message))
}

/// 400 from Resource Manager.
pub(crate) fn bad_request(code: &str, message: &str) -> Box<Answer> {
    refusal(StatusCode::BAD_REQUEST, code, message)
}

/// The refusal that a missing role gets.
pub(crate) fn forbidden(client_id: &str, action: &str, scope: &str) -> Box<Answer> {
    let message = format!(
        "The client '{client_id}' with object id '{client_id}' does not have authorization to perform action \
         '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your \
         credentials."
    );
    refusal(StatusCode::FORBIDDEN, "AuthorizationFailed", &message)
}
