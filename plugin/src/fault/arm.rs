//! The answers of Azure Resource Manager and Microsoft.Insights other than 200.
//!
//! Source of the table: Microsoft's documentation of both services and the issue trackers of their SDKs.

use serde_json::Value;

use super::{Failure, Kind, error_body, member, retry_after, without_mark};
use crate::contract::{Fault, Nanos, Timestamp};
use crate::duration::{MINUTE, SECOND};
use crate::http::Response;
use crate::page::PageError;

/// One answer. A row with a code counts before one without.
struct Row {
    /// The status; 0 for any refusal (4xx) with that code, since services differ in the status that they give a code.
    status: u16,
    /// The code in the body; empty for any.
    azure: &'static str,
    fault: Fault,
    kind: Kind,
    code: &'static str,
    message: &'static str,
    hint: &'static str,
    /// Wait at least so long; zero leaves it to the answer and the host.
    wait: Nanos,
}

/// How long to leave a stream alone that the application may not read. A new role takes minutes to work, so that asking
/// again needs no restart, and asking more often brings nothing.
const REFUSED: Nanos = MINUTE;

/// How Resource Manager and Insights word the retention limit.
const TOO_FAR_BACK: &str = "90 days in the past";
/// How they word that the provider is not registered, where the code is only `Conflict`.
const NOT_REGISTERED: &str = "not registered to use";

/// What is forbidden, of a log and of the list of subscriptions.
const FORBIDDEN: &str = "the application may not read this log";
const FORBIDDEN_LIST: &str = "the application may not list subscriptions";

const ROWS: &[Row] = &[
    Row {
        status: 0,
        azure: "InvalidSubscriptionId",
        fault: Fault::Denied,
        kind: Kind::Other,
        code: "azure.invalid_subscription",
        message: "Azure does not take this as a subscription id",
        hint: "copy the subscription id from the subscription's overview in the portal",
        wait: REFUSED,
    },
    Row {
        status: 0,
        azure: "DisallowedOperation",
        fault: Fault::Denied,
        kind: Kind::NoLog,
        code: "azure.no_log",
        message: "this type of subscription has no activity log",
        hint: "subscriptions such as \"Access to Azure Active Directory\" have none, and no role changes that: remove it from `subscription_id`",
        wait: REFUSED,
    },
    Row {
        status: 0,
        azure: "MissingSubscriptionRegistration",
        fault: Fault::Denied,
        kind: Kind::Other,
        code: "azure.unregistered_provider",
        message: "the subscription is not registered to use Microsoft.Insights",
        hint: "register the resource provider: `az provider register --namespace Microsoft.Insights --subscription ID`",
        wait: REFUSED,
    },
    Row {
        status: 400,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::BadRequest,
        code: "azure.bad_request",
        message: "Azure refused the request as malformed",
        hint: "it is asked again; if this continues, report it",
        wait: 0,
    },
    Row {
        status: 0,
        azure: "ExpiredAuthenticationToken",
        fault: Fault::Denied,
        kind: Kind::Unauthorized,
        code: "azure.token_expired",
        message: "Azure calls a new access token expired",
        hint: "check the clock of the host",
        wait: REFUSED,
    },
    Row {
        status: 0,
        azure: "InvalidAuthenticationTokenTenant",
        fault: Fault::Denied,
        // A new token would be of the same tenant.
        kind: Kind::Other,
        code: "azure.wrong_tenant",
        message: "the subscription belongs to another tenant than the access token",
        hint: "check `tenant_id`: it must be the directory that the subscription belongs to",
        wait: REFUSED,
    },
    Row {
        status: 401,
        azure: "",
        fault: Fault::Denied,
        kind: Kind::Unauthorized,
        code: "azure.invalid_token",
        message: "Azure does not accept the access token",
        hint: "check `tenant_id` and `cloud`: the token is for another directory or another cloud",
        wait: REFUSED,
    },
    Row {
        status: 403,
        azure: "",
        fault: Fault::Denied,
        kind: Kind::Forbidden,
        code: "azure.forbidden",
        message: FORBIDDEN,
        hint: "assign the role Reader to the application at the subscription (for the tenant log at /providers/Microsoft.Insights); if it was assigned minutes ago, wait",
        wait: REFUSED,
    },
    Row {
        status: 0,
        azure: "SubscriptionNotFound",
        fault: Fault::Denied,
        kind: Kind::Other,
        code: "azure.subscription_not_found",
        message: "Azure does not know the subscription in this tenant",
        hint: "check `subscription_id` for a typing error and `tenant_id` for the wrong directory",
        wait: REFUSED,
    },
    Row {
        status: 404,
        azure: "",
        fault: Fault::Denied,
        kind: Kind::BadRequest,
        code: "azure.not_found",
        message: "Azure knows nothing at this address",
        hint: "check `cloud` and `subscription_id`",
        wait: REFUSED,
    },
    Row {
        status: 408,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::Other,
        code: "azure.timeout",
        message: "Azure gave up waiting for the request",
        hint: "",
        wait: 0,
    },
    Row {
        status: 410,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::BadRequest,
        code: "azure.gone",
        message: "Azure no longer knows this page",
        hint: "",
        wait: 0,
    },
    Row {
        status: 429,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::Throttled,
        code: "azure.throttled",
        message: "Azure asks for fewer requests",
        hint: "if this continues, poll less often or give busy subscriptions an application of their own",
        wait: 0,
    },
    Row {
        status: 500,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::ServerError,
        code: "azure.server_error",
        message: "Azure reports an internal error",
        hint: "if this continues, check the Azure status page",
        wait: 0,
    },
    Row {
        status: 502,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::Other,
        code: "azure.bad_gateway",
        message: "a gateway got no proper answer from Azure",
        hint: "if this continues, check the Azure status page and the host's proxy",
        wait: 0,
    },
    Row {
        status: 503,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::Other,
        code: "azure.unavailable",
        message: "Azure is not available at the moment",
        hint: "if this continues, check the Azure status page",
        wait: 0,
    },
    Row {
        status: 504,
        azure: "",
        fault: Fault::Retry,
        kind: Kind::Other,
        code: "azure.gateway_timeout",
        message: "a gateway got no answer from Azure in time",
        hint: "if this continues, check the Azure status page and the host's proxy",
        wait: 0,
    },
];

/// How deep an error may be inside other members.
const DEEPEST_ERROR: usize = 4;

/// Code and message of a body: at its top or in a member like `error`, in any letter case; empty for anything else.
fn detail(body: &Value, depth: usize) -> (String, String) {
    let text = |name| match member(body, name) {
        Value::Object(object) => object.get("value").and_then(Value::as_str),
        other => other.as_str(),
    };
    let here = (text("code"), text("message"));
    let inside = ["error", "odata.error", "errors", "body"];
    let within = inside.into_iter().map(|name| match member(body, name) {
        Value::Array(list) => list.first().unwrap_or(&Value::Null),
        other => other,
    });
    for error in within.filter(|error| error.is_object() && depth < DEEPEST_ERROR) {
        let found = detail(error, depth + 1);
        if !found.0.is_empty() || !found.1.is_empty() {
            return found;
        }
    }
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (owned(here.0), owned(here.1))
}

/// The failure that an answer other than 200 means for a stream.
pub fn failure(response: &Response, now: Timestamp) -> Failure {
    let (mut azure, text) = detail(&error_body(response), 0);
    let status = response.status;
    let refused = (400..500).contains(&status);
    let wait = retry_after(response, now);
    let says = |words: &str| refused && text.to_ascii_lowercase().contains(words);
    if says(NOT_REGISTERED) || azure.eq_ignore_ascii_case("SubscriptionNotRegistered") {
        "MissingSubscriptionRegistration".clone_into(&mut azure);
    }
    if says(TOO_FAR_BACK) {
        let message = "the window begins before the 90 days that Azure keeps";
        return Failure::new(Fault::Retry, "azure.too_far_back", message).kind(Kind::TooFarBack);
    }
    if (300..400).contains(&status) {
        return Failure::new(
            Fault::Retry,
            "azure.redirected",
            format!("the answer is a redirect ({status}), which is never followed"),
        )
        .hint("a proxy or a sign-in page is between the host and Azure: allow the Azure endpoints there")
        .after(wait);
    }
    let named_row = |row: &&Row| refused && !azure.is_empty() && row.azure.eq_ignore_ascii_case(&azure);
    let row = ROWS.iter().find(named_row).or_else(|| {
        let unnamed = |row: &&Row| row.azure.is_empty() && row.status == status;
        ROWS.iter().find(unnamed)
    });
    let Some(row) = row else {
        let fault = if refused { Fault::Denied } else { Fault::Retry };
        return Failure::new(
            fault,
            "azure.unexpected_status",
            format!("unexpected answer ({})", named(status, &azure)),
        )
        .hint("if this continues, report it")
        .after(wait);
    };
    let own_wait = (row.wait > 0).then_some(row.wait);
    let failure = Failure::new(
        row.fault,
        row.code,
        format!("{} ({})", row.message, named(status, &azure)),
    )
    .after(wait.max(own_wait));
    let failure = if row.hint.is_empty() {
        failure
    } else {
        failure.hint(row.hint)
    };
    // Whoever names a time to wait is throttling, whatever the status.
    let throttled = row.fault == Fault::Retry && wait.is_some();
    failure.kind(if throttled { Kind::Throttled } else { row.kind })
}

/// Status and code as a person would look for them. The code is shown only if it is a plain word, since the body is
/// anybody's text.
fn named(status: u16, azure: &str) -> String {
    let plain =
        !azure.is_empty() && azure.len() <= 80 && azure.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain {
        format!("{status} {azure}")
    } else {
        status.to_string()
    }
}

/// A 200 whose body is no page.
pub fn no_page(what: impl std::fmt::Display) -> Failure {
    Failure::new(
        Fault::Retry,
        "azure.bad_page",
        format!("the answer cannot be read: {what}"),
    )
    .hint("if this continues, look for a proxy that changes answers")
    .kind(Kind::OddPage)
}

/// A 200 that is not JSON. What the parser says of it helps nobody; what it looks like does.
pub fn not_json(body: &[u8]) -> Failure {
    let text = without_mark(body).trim_ascii();
    no_page(match text.first() {
        None => "it is empty",
        Some(b'<') => "it is a web page or XML, not JSON",
        Some(_) => "it is not valid JSON",
    })
}

/// A refusal of the list of subscriptions, of which the table speaks as of a log.
pub fn blame_list(failure: &mut Failure) {
    if failure.kind == Kind::Forbidden {
        let error = &mut failure.error;
        error.message = error.message.replacen(FORBIDDEN, FORBIDDEN_LIST, 1);
        error.hint = Some(
            "assign the role Reader to the application at a subscription or a management group, or name the \
             subscriptions in `subscription_id`; if it was assigned minutes ago, wait"
                .to_owned(),
        );
    }
}

/// A page with items that cannot be made events.
pub fn odd_items(count: u64) -> Failure {
    let what = if count == 1 {
        "an item of the page is not a valid event"
    } else {
        "items of the page are not valid events"
    };
    no_page(what).kind(Kind::OddItems)
}

/// A refused request with a filter: most probably its value, but the answer may change.
pub fn blame_filter(failure: &mut Failure) {
    failure.error.fault = Fault::Denied;
    failure.error.hint = Some("check the value of `filter`".to_owned());
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        no_page(error)
    }
}

/// A page whose next one is elsewhere.
pub fn foreign_link() -> Failure {
    Failure::new(Fault::Retry, "azure.foreign_link", "a page names a next page that is not a link to this list at the configured resource manager")
        .hint("check `cloud.resource_manager`, and look for a proxy that rewrites answers; the link was not followed and the time is read again")
        .kind(Kind::ForeignLink)
}

/// How long to wait after throttling that names no time, when a shorter batch is returned in its place.
pub const UNNAMED_WAIT: Nanos = 10 * SECOND;

#[cfg(test)]
mod tests;
