//! The refusals of Entra's token endpoint.
//!
//! Whatever Entra says may change without a change here: consent is given, an application created, a certificate uploaded, a
//! credential federated. So no refusal is permanent, and the login is tried again. The numbers choose the hint. Source of
//! the numbers: Microsoft's list of Entra authentication error codes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Fault, Nanos};
use crate::duration::{MINUTE, SECOND};
use crate::error_body::{error_body, member};
use crate::failure::Failure;
use crate::http::Response;

/// What a refusal says, as far as it can be repeated: never the description, which may hold ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The OAuth error, for example `invalid_client`.
    pub word: String,
    /// The first AADSTS number, or 0.
    pub number: u32,
    /// What Microsoft's support asks for, or empty.
    pub trace: String,
}

/// One AADSTS number and what it means here.
struct Row {
    numbers: &'static [u32],
    code: &'static str,
    fault: Fault,
    message: &'static str,
    hint: &'static str,
}

/// A refused login is asked again no more often than this by all partitions together: a person has to act first, and Entra
/// itself punishes loops (AADSTS50196). Each partition waits its interval besides, so that all are back within both of them.
const REFUSED: Nanos = MINUTE / 2;

/// Entra asked for fewer logins without naming a time.
const THROTTLED: Nanos = MINUTE;

/// A passing failure of Entra's own: long enough that a thousand partitions do not ask at once, short enough that
/// reading goes on soon.
const UNAVAILABLE: Nanos = 2 * SECOND;

const ROWS: &[Row] = &[
    Row {
        numbers: &[7000215],
        code: "entra.wrong_secret",
        fault: Fault::Denied,
        message: "the client secret is wrong",
        hint: "copy the Value of the client secret, not its Secret ID; the portal shows the Value only once",
    },
    Row {
        numbers: &[7000222],
        code: "entra.expired_secret",
        fault: Fault::Denied,
        message: "the client secret has expired",
        hint: "create a new client secret under Certificates & secrets and put its Value into the configuration",
    },
    Row {
        numbers: &[7000218],
        code: "entra.no_credential",
        fault: Fault::Denied,
        message: "the request carried no credential",
        hint: "set client_secret, client_certificate or client_assertion",
    },
    Row {
        numbers: &[700016],
        code: "entra.unknown_application",
        fault: Fault::Denied,
        message: "the application does not exist in this tenant",
        hint: "check `client_id` (Application (client) ID) and `tenant_id` (Directory (tenant) ID)",
    },
    Row {
        numbers: &[7000229],
        code: "entra.no_service_principal",
        fault: Fault::Denied,
        message: "the application has no service principal in this tenant",
        hint: "create the enterprise application in this tenant, for example by an administrator's consent",
    },
    Row {
        numbers: &[7000112, 70001],
        code: "entra.application_disabled",
        fault: Fault::Denied,
        message: "the application is disabled or was not found",
        hint: "enable the application under Enterprise applications, or check `client_id`",
    },
    Row {
        numbers: &[90002],
        code: "entra.unknown_tenant",
        fault: Fault::Denied,
        message: "the tenant does not exist in this cloud",
        hint: "check `tenant_id`, and `cloud` if the tenant is in a national cloud",
    },
    Row {
        numbers: &[900023],
        code: "entra.malformed_tenant",
        fault: Fault::Denied,
        message: "the tenant is neither a GUID nor a verified domain",
        hint: "copy the Directory (tenant) ID into `tenant_id`",
    },
    Row {
        numbers: &[90038, 900382, 900432],
        code: "entra.wrong_cloud",
        fault: Fault::Denied,
        message: "the tenant belongs to another cloud",
        hint: "set `cloud` to the cloud that the tenant belongs to",
    },
    Row {
        numbers: &[70011, 650057, 500011],
        code: "entra.wrong_scope",
        fault: Fault::Denied,
        message: "the {resource} is not known in this cloud",
        hint: "check `cloud`: authority and {resource} must belong together",
    },
    Row {
        numbers: &[65001],
        code: "entra.no_consent",
        fault: Fault::Denied,
        message: "the application lacks consent in this tenant",
        hint: "let an administrator consent to the application",
    },
    Row {
        numbers: &[53003],
        code: "entra.conditional_access",
        fault: Fault::Denied,
        message: "a Conditional Access policy blocks the login",
        hint: "exempt the application or the host's address from the policy",
    },
    Row {
        numbers: &[700027],
        code: "entra.wrong_certificate",
        fault: Fault::Denied,
        message: "the certificate or its signature is not accepted",
        hint: "upload the certificate of this key to the app registration",
    },
    Row {
        numbers: &[700024],
        code: "entra.assertion_time",
        fault: Fault::Retry,
        message: "the assertion is outside its valid time",
        hint: "check the clock of the host, and that the token file is renewed",
    },
    Row {
        numbers: &[70021, 700211, 700212, 700213],
        code: "entra.no_federation",
        fault: Fault::Denied,
        message: "no federated credential of the application matches the assertion",
        hint: "compare issuer, subject and audience of the federated credential with the assertion",
    },
    Row {
        numbers: &[900144],
        code: "entra.missing_field",
        fault: Fault::Denied,
        message: "the token request misses a field",
        hint: "report this defect",
    },
    Row {
        numbers: &[50196, 90055],
        code: "entra.throttled",
        fault: Fault::Retry,
        message: "Entra asks for fewer logins",
        hint: "if this continues, look for other clients with this application",
    },
    Row {
        numbers: &[90006, 90012, 90024, 90033],
        code: "entra.transient",
        fault: Fault::Retry,
        message: "Entra failed for a moment",
        hint: "if this continues, check the Azure status page",
    },
];

impl Refusal {
    /// Reads an answer other than 200, whatever its body.
    pub fn read(response: &Response) -> Refusal {
        let body = error_body(response);
        let error = member(&body, "error");
        // Gateways and older endpoints put an object there.
        let (word, inner) = if error.is_object() {
            (member(error, "code"), error)
        } else {
            (error, &body)
        };
        let first = |name| match member(inner, name) {
            Value::Array(list) => list.first().cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let number = match first("error_codes") {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        // Wherever else it is named: in a description of any name, or on a web page.
        let number = number.or_else(|| described_number(&String::from_utf8_lossy(&response.body)));
        Refusal {
            status: response.status,
            word: plain(word),
            number: number.unwrap_or_default(),
            trace: plain(member(inner, "trace_id")),
        }
    }

    /// How long to leave the token endpoint alone when it names no time itself.
    pub fn pause(&self) -> Nanos {
        let failure = self.failure("");
        match (failure.fault, failure.code) {
            (_, "entra.throttled") => THROTTLED,
            (Fault::Retry, _) => UNAVAILABLE,
            _ => REFUSED,
        }
    }

    /// The failure that this refusal means. `resource` is what the token was to be for, as operators know it.
    pub fn failure(&self, resource: &str) -> Failure {
        let (fault, code, message, hint) = self.meaning();
        let about = |text: &str| text.replace("{resource}", resource);
        let message = format!("{} ({})", about(message), self.named());
        Failure::new(fault, code, message).hint(about(hint))
    }

    /// Fault, code, message and hint.
    fn meaning(&self) -> (Fault, &'static str, &'static str, &'static str) {
        if let Some(row) = ROWS.iter().find(|row| row.numbers.contains(&self.number)) {
            return (row.fault, row.code, row.message, row.hint);
        }
        match (self.status, self.word.as_str()) {
            (429, _) => (
                Fault::Retry,
                "entra.throttled",
                "Entra asks for fewer logins",
                "if this continues, look for other clients with this application",
            ),
            (500.., _) | (_, "temporarily_unavailable" | "server_error") => (
                Fault::Retry,
                "entra.unavailable",
                "Entra is not available at the moment",
                "if this continues, check the Azure status page",
            ),
            (_, "invalid_client") => (
                Fault::Denied,
                "entra.invalid_client",
                "Entra does not accept the credential",
                "check `client_id` and the credential",
            ),
            (_, "unauthorized_client") => (
                Fault::Denied,
                "entra.unauthorized_client",
                "the application may not log in this way",
                "check `client_id` and `tenant_id`",
            ),
            (_, "invalid_scope" | "invalid_resource") => (
                Fault::Denied,
                "entra.wrong_scope",
                "the {resource} is not known in this cloud",
                "check `cloud`: authority and {resource} must belong together",
            ),
            (300..400, _) => (
                Fault::Retry,
                "entra.redirected",
                "the login answers with a redirect, which is never followed",
                "a proxy or a sign-in page is between the host and Entra: allow the login endpoint there",
            ),
            (_, "") => (
                Fault::Retry,
                "entra.no_answer",
                "the login answers with something that is not Entra's",
                "check `cloud`, and look for a proxy in between",
            ),
            _ => (
                Fault::Denied,
                "entra.refused",
                "Entra refused the login",
                "look the error up in Microsoft's list of authentication error codes",
            ),
        }
    }

    /// Number, word and trace, as far as known: `AADSTS7000215, trace 0000…`.
    fn named(&self) -> String {
        let mut named = match (self.number, self.word.as_str()) {
            (0, "") => self.status.to_string(),
            (0, word) => format!("{} {word}", self.status),
            (number, _) => format!("AADSTS{number}"),
        };
        if !self.trace.is_empty() {
            named += &format!(", trace {}", self.trace);
        }
        named
    }
}

/// A word or an id that is safe to repeat; anything else is left out.
fn plain(value: &Value) -> String {
    let safe = |text: &&str| {
        text.len() <= 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    value.as_str().filter(safe).unwrap_or_default().to_owned()
}

/// The number in a description, for answers without `error_codes`.
fn described_number(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::read(&Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    #[test]
    fn numbers_choose_the_hint() {
        for row in ROWS {
            for number in row.numbers {
                let body = format!(
                    r#"{{"error":"invalid_client","error_codes":[{number}],"trace_id":"00000000-0000-0000-0000-000000000000"}}"#
                );
                let error = refusal(401, &body).failure("resource manager");
                assert_eq!(error.code, row.code, "{number}");
                assert!(
                    error.message.contains(&format!("AADSTS{number}, trace 0000")),
                    "{}",
                    error.message
                );
            }
        }
    }

    #[test]
    fn no_refusal_is_permanent() {
        for row in ROWS {
            assert!(matches!(row.fault, Fault::Retry | Fault::Denied), "{}", row.code);
        }
        for status in 200..600 {
            for word in [
                "",
                "access_denied",
                "invalid_scope",
                "unauthorized_client",
                "invalid_request",
                "strange",
            ] {
                let body = format!(r#"{{"error":"{word}"}}"#);
                let fault = refusal(status, &body).failure("resource manager").fault;
                assert!(matches!(fault, Fault::Retry | Fault::Denied), "{status} {word}");
            }
        }
    }

    #[test]
    fn members_of_a_refusal_are_found_in_any_case_and_place() {
        for body in [
            r#"{"Error":"invalid_client","Error_Codes":[7000222]}"#,
            r#"{"ERROR":"invalid_client","ERROR_CODES":["7000222"]}"#,
            r#"{"Error":"invalid_client","Error_Description":"AADSTS7000222: expired."}"#,
            r#"{"error":{"code":"invalid_client","message":"AADSTS7000222: expired."}}"#,
            r#"{"Error":{"Code":"invalid_client","Error_Codes":[7000222]}}"#,
            "<html>Sorry, AADSTS7000222: the secret has expired</html>",
        ] {
            assert_eq!(
                refusal(401, body).failure("resource manager").code,
                "entra.expired_secret",
                "{body}"
            );
        }
    }

    #[test]
    fn without_a_known_number_status_and_word_decide() {
        for (status, body, fault, code) in [
            (
                401,
                r#"{"error":"invalid_client","error_codes":[1]}"#,
                Fault::Denied,
                "entra.invalid_client",
            ),
            (
                400,
                r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}"#,
                Fault::Denied,
                "entra.expired_secret",
            ),
            (
                400,
                r#"{"error":"unauthorized_client"}"#,
                Fault::Denied,
                "entra.unauthorized_client",
            ),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                Fault::Retry,
                "entra.unavailable",
            ),
            (429, "", Fault::Retry, "entra.throttled"),
            (503, "<html>", Fault::Retry, "entra.unavailable"),
            (302, "", Fault::Retry, "entra.redirected"),
            (404, "<html>", Fault::Retry, "entra.no_answer"),
            (200, "<html>", Fault::Retry, "entra.no_answer"),
        ] {
            let error = refusal(status, body).failure("resource manager");
            assert_eq!((error.fault, error.code), (fault, code), "{status} {body}");
        }
    }

    #[test]
    fn a_scope_that_is_not_known_names_what_was_asked_for() {
        let failure = refusal(400, r#"{"error":"invalid_scope"}"#).failure("Graph endpoint");
        assert_eq!(
            failure.message,
            "the Graph endpoint is not known in this cloud (400 invalid_scope)"
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some("check `cloud`: authority and Graph endpoint must belong together")
        );
    }

    #[test]
    fn the_description_is_never_repeated() {
        let body = r#"{"error":"invalid_client","error_description":"secret hunter2 is wrong","trace_id":"hunter2 hunter2"}"#;
        let error = refusal(401, body).failure("resource manager");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
