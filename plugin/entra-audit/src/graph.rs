//! Microsoft Graph: the address of the log, and what its refusals mean.
//!
//! Sources: Microsoft Graph, "List directoryAudits" and "List signIns" (`$filter`, `$orderby`, `$top`, permissions) and
//! "Microsoft Graph throttling guidance" (429 with `Retry-After`).

use headwater_source::contract::{Fault, Nanos, Timestamp};
use headwater_source::duration::SECOND;
use headwater_source::error_body::{error_body, member};
use headwater_source::http::Response;
use headwater_source::instant::rfc3339;
use headwater_source::lookback::Range;
use headwater_source::{Failure, percent};

use crate::cloud::Cloud;
use crate::log::Log;

/// The wait after a throttling that names none. The audit logs allow five requests in ten seconds (Microsoft Graph,
/// "Service-specific throttling limits", identity and access reports).
const UNNAMED_WAIT: Nanos = 10 * SECOND;

/// The address of the first page of a range, the oldest records first where a log can be asked so. Both ends are closed.
pub fn first_page(cloud: &Cloud, log: Log, range: Range, page_size: u64) -> String {
    let (path, time) = (log.path(), log.time());
    let filter = format!(
        "{time} ge {} and {time} le {}",
        rfc3339(range.start),
        rfc3339(range.end)
    );
    let order = log
        .order()
        .map(|order| format!("&$orderby={}", percent::encode(order)))
        .unwrap_or_default();
    format!(
        "{}{path}?$filter={}{order}&$top={page_size}",
        cloud.graph,
        percent::encode(&filter)
    )
}

/// What an answer means that has another status than 200.
pub fn refusal(answer: &Response, now: Timestamp) -> Failure {
    let body = error_body(answer);
    let code = member(member(&body, "error"), "code")
        .as_str()
        .unwrap_or_default();
    let failure = Failure::from_answer(answer, now);
    match (answer.status, code) {
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant") => Failure::denied(
            "graph.no_premium_license",
            "Microsoft Entra shows this log only to tenants with a premium licence",
        )
        .hint(
            "license the tenant with Microsoft Entra ID P1 or P2. If it has one, grant the application \
             Directory.Read.All too: without it Microsoft Graph cannot always see the licence",
        ),
        (403, "Authentication_MSGraphPermissionMissing" | "Authorization_RequestDenied" | "") => {
            Failure::denied("graph.no_permission", "the application may not read this log").hint(
                "grant it the application permissions AuditLog.Read.All and Directory.Read.All of Microsoft Graph, and \
                 let an administrator consent (Grant admin consent); if that was minutes ago, wait",
            )
        }
        (403, _) => {
            let message = format!("Microsoft Graph refuses to show this log ({})", plain(code));
            Failure::denied("graph.forbidden", message)
                .hint("check the application permission AuditLog.Read.All and the administrator's consent")
        }
        (401, _) => Failure::denied(
            "graph.invalid_token",
            "Microsoft Graph does not accept the access token",
        )
        .hint("check `tenant_id` and `cloud`: the token is for another directory or another cloud"),
        (400, _) => Failure::retry(
            "graph.bad_request",
            "Microsoft Graph refused the request as malformed",
        )
        .hint("it is asked again; if this continues, report it"),
        (429, _) => {
            let wait = failure.retry_after.unwrap_or(UNNAMED_WAIT);
            failure.after(Some(wait))
        }
        _ => failure,
    }
}

/// A call without a configuration that was judged to be good, which hosts do not make.
pub fn unplanned() -> Failure {
    Failure::new(
        Fault::InvalidConfig,
        "config.invalid",
        "the configuration was not validated",
    )
}

/// A partition that is not one of this source's.
pub fn unknown(partition: &str) -> Failure {
    let message = format!("\"{partition}\" is not a partition of this source");
    Failure::new(Fault::InvalidConfig, "config.unknown_partition", message)
}

/// A code that is safe to repeat; else a word for it.
fn plain(code: &str) -> &str {
    let is_plain = code.len() <= 80
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain { code } else { "another code" }
}

#[cfg(test)]
mod tests {
    use headwater_source::parse_time;

    use super::*;

    #[test]
    fn a_range_is_asked_for_with_both_ends_the_oldest_first() {
        let cloud = Cloud::read(None).unwrap();
        let range = Range {
            start: parse_time("2026-03-01T00:00:00Z").unwrap(),
            end: parse_time("2026-03-01T06:00:00.25Z").unwrap(),
        };
        let pages = Log::ALL.map(|log| first_page(&cloud, log, range, 1000));
        insta::assert_snapshot!(pages.join("\n"));
    }

    #[test]
    fn refusals_name_the_permission_the_consent_and_the_licence() {
        let failure = |status, body: &str| {
            let answer = Response {
                status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            refusal(&answer, 0)
        };
        let of = |status, code: &str| {
            failure(
                status,
                &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#),
            )
        };
        for (failure, code, fault, words) in [
            (
                of(403, "Authentication_MSGraphPermissionMissing"),
                "graph.no_permission",
                Fault::Denied,
                "AuditLog.Read.All",
            ),
            (
                of(403, "Authorization_RequestDenied"),
                "graph.no_permission",
                Fault::Denied,
                "admin consent",
            ),
            (
                of(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
                "graph.no_premium_license",
                Fault::Denied,
                "P1 or P2",
            ),
            (of(403, "Other"), "graph.forbidden", Fault::Denied, "consent"),
            (
                failure(403, "[]"),
                "graph.no_permission",
                Fault::Denied,
                "AuditLog.Read.All",
            ),
            (
                of(401, "InvalidAuthenticationToken"),
                "graph.invalid_token",
                Fault::Denied,
                "cloud",
            ),
            (of(400, "BadRequest"), "graph.bad_request", Fault::Retry, "again"),
        ] {
            assert_eq!((failure.code, failure.fault), (code, fault));
            assert!(failure.hint.is_some_and(|hint| hint.contains(words)), "{code}");
        }
        let throttled = of(429, "TooManyRequests");
        assert_eq!(
            (throttled.code, throttled.retry_after),
            ("upstream.throttled", Some(10 * SECOND))
        );
        assert!(of(403, "a b {secret}").message.contains("another code"));
    }
}
