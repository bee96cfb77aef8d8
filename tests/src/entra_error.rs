//! The refusals of the token endpoint, by their AADSTS numbers.

use chrono::SubsecRound;
use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::time::Instant;

/// Number, HTTP status, OAuth error word, beginning of the description.
// One line a row: as a table it can be read.
#[rustfmt::skip]
const ERRORS: &[(u32, u16, &str, &str)] = &[
    (50196, 400, "invalid_grant", "The server terminated an operation because it encountered a client request loop."),
    (53003, 400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    (65001, 400, "invalid_grant", "The user or administrator has not consented to use the application."),
    (70001, 400, "unauthorized_client", "The application is disabled or was not found."),
    (70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    (70011, 400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."),
    (70021, 400, "invalid_client", "No matching federated identity record found for presented assertion."),
    (90002, 400, "invalid_request", "Tenant was not found. Check to make sure you have the correct tenant ID."),
    (90006, 503, "temporarily_unavailable", "The service is temporarily unavailable. Please retry later."),
    (90012, 504, "temporarily_unavailable", "The request has timed out. Please retry."),
    (90024, 503, "temporarily_unavailable", "The request budget was exceeded. Please retry."),
    (90033, 503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    (90038, 400, "invalid_request", "The tenant belongs to another national cloud."),
    (90055, 429, "temporarily_unavailable", "The tenant has exceeded its request limit."),
    (500011, 400, "invalid_resource", "The resource principal was not found in the tenant."),
    (650057, 400, "invalid_resource", "The requested resource is not listed in the application's permissions."),
    (700016, 400, "unauthorized_client", "The application was not found in the directory."),
    (700023, 401, "invalid_client", "Client assertion audience claim does not match the token endpoint."),
    (700024, 401, "invalid_client", "The client assertion is not within its valid time range."),
    (700027, 401, "invalid_client", "The certificate with which the client assertion was signed is not registered."),
    (700211, 400, "invalid_client", "No matching federated identity record found for the assertion issuer."),
    (700212, 400, "invalid_client", "No matching federated identity record found for the assertion audience."),
    (700213, 400, "invalid_client", "No matching federated identity record found for the assertion subject."),
    (900023, 400, "invalid_request", "The tenant is neither a valid DNS name nor a valid external domain."),
    (900144, 400, "invalid_request", "The request body must contain the named parameter."),
    (900382, 400, "invalid_request", "A confidential client is not supported in a cross cloud request."),
    (900432, 400, "invalid_request", "A confidential client is not supported in a cross cloud request."),
    (900561, 400, "invalid_request", "The endpoint only accepts POST requests."),
    (7000112, 400, "unauthorized_client", "The application is disabled."),
    (7000215, 401, "invalid_client", "Invalid client secret provided. Ensure it is the client secret value, not the client secret ID."),
    (7000218, 401, "invalid_client", "The request body must contain 'client_assertion' or 'client_secret'."),
    (7000222, 401, "invalid_client", "The provided client secret keys are expired."),
    (7000229, 400, "unauthorized_client", "The application is missing a service principal in the tenant."),
];

/// Whether the table knows the number.
pub fn is_known(number: u32) -> bool {
    ERRORS.iter().any(|(known, ..)| *known == number)
}

/// The answer with this number. `about` names the field, tenant or application in question.
pub fn answer(number: u32, about: &str, now: Instant) -> Answer {
    const OTHER: (u32, u16, &str, &str) = (0, 400, "invalid_request", "The request failed.");
    let (_, status, error, text) = ERRORS
        .iter()
        .find(|(known, ..)| *known == number)
        .unwrap_or(&OTHER);
    let timestamp = now.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%SZ");
    let (trace_id, correlation_id) = (
        "0f0f0f0f-0000-4000-8000-000000000001",
        "0f0f0f0f-0000-4000-8000-000000000002",
    );
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(" '{about}'")
    };
    let body = json!({
        "error": error,
        "error_description": format!(
            "AADSTS{number}: {text}{about} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
        ),
        "error_codes": [number],
        "timestamp": timestamp.to_string(),
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Answer::json(
        StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST),
        &body,
    )
}
