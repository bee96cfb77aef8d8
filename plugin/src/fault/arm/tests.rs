use super::*;

fn answer(status: u16, body: &str) -> Failure {
    failure(
        &Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        },
        0,
    )
}

#[test]
fn every_documented_answer_has_its_fault_and_code() {
    for (status, body, fault, code) in [
        (
            400,
            r#"{"code":"BadRequest","message":"The start time cannot be more than 90 days in the past."}"#,
            Fault::Retry,
            "azure.too_far_back",
        ),
        (
            400,
            r#"{"code":"BadRequest","message":"filter"}"#,
            Fault::Retry,
            "azure.bad_request",
        ),
        (
            400,
            r#"{"error":{"code":"InvalidSubscriptionId","message":"x"}}"#,
            Fault::Denied,
            "azure.invalid_subscription",
        ),
        (
            401,
            r#"{"error":{"code":"InvalidAuthenticationToken","message":"x"}}"#,
            Fault::Denied,
            "azure.invalid_token",
        ),
        (
            401,
            r#"{"error":{"code":"ExpiredAuthenticationToken","message":"x"}}"#,
            Fault::Denied,
            "azure.token_expired",
        ),
        (
            401,
            r#"{"error":{"code":"InvalidAuthenticationTokenTenant","message":"x"}}"#,
            Fault::Denied,
            "azure.wrong_tenant",
        ),
        (
            403,
            r#"{"error":{"code":"AuthorizationFailed","message":"x"}}"#,
            Fault::Denied,
            "azure.forbidden",
        ),
        (
            404,
            r#"{"error":{"code":"SubscriptionNotFound","message":"x"}}"#,
            Fault::Denied,
            "azure.subscription_not_found",
        ),
        (404, "", Fault::Denied, "azure.not_found"),
        (408, "", Fault::Retry, "azure.timeout"),
        (
            429,
            r#"{"error":{"code":"SubscriptionRequestsThrottled"}}"#,
            Fault::Retry,
            "azure.throttled",
        ),
        (
            500,
            r#"{"error":null,"code":"InternalServerError"}"#,
            Fault::Retry,
            "azure.server_error",
        ),
        (
            502,
            "<html><body>Bad Gateway</body></html>",
            Fault::Retry,
            "azure.bad_gateway",
        ),
        (503, "", Fault::Retry, "azure.unavailable"),
        (504, "{", Fault::Retry, "azure.gateway_timeout"),
        (302, "", Fault::Retry, "azure.redirected"),
        (418, "", Fault::Denied, "azure.unexpected_status"),
        (599, "[]", Fault::Retry, "azure.unexpected_status"),
    ] {
        let error = answer(status, body).error;
        assert_eq!((error.fault, error.code), (fault, code), "{status} {body}");
    }
}

#[test]
fn members_of_an_error_are_found_in_any_case_and_place() {
    let far = "The start time cannot be more than 90 days in the past.";
    let unregistered = "The subscription is not registered to use namespace 'microsoft.insights'.";
    for (status, body, code) in [
        (
            400,
            format!(r#"{{"Code":"BadRequest","Message":"{far}"}}"#),
            "azure.too_far_back",
        ),
        (
            400,
            format!(r#"{{"CODE":"BadRequest","MESSAGE":"{far}"}}"#),
            "azure.too_far_back",
        ),
        (
            400,
            format!(r#"{{"Error":{{"Code":"BadRequest","Message":"{far}"}}}}"#),
            "azure.too_far_back",
        ),
        (
            400,
            format!("\u{feff}{{\"code\":\"BadRequest\",\"message\":\"{far}\"}}"),
            "azure.too_far_back",
        ),
        (
            400,
            format!(r#"{{"odata.error":{{"code":"x","message":{{"lang":"en","value":"{far}"}}}}}}"#),
            "azure.too_far_back",
        ),
        (
            400,
            format!(r#"{{"errors":[{{"message":"{far}"}}]}}"#),
            "azure.too_far_back",
        ),
        (
            400,
            r#"{"Code":"InternalServerError","Message":"x"}"#.to_owned(),
            "azure.bad_request",
        ),
        (
            403,
            r#"{"Error":{"Code":"DisallowedOperation"}}"#.to_owned(),
            "azure.no_log",
        ),
        (
            409,
            r#"{"error":{"code":"MissingSubscriptionRegistration"}}"#.to_owned(),
            "azure.unregistered_provider",
        ),
        (
            409,
            format!(r#"{{"Code":"Conflict","Message":"{unregistered}"}}"#),
            "azure.unregistered_provider",
        ),
        (
            404,
            format!(r#"{{"error":{{"code":"Conflict","message":"{unregistered}"}}}}"#),
            "azure.unregistered_provider",
        ),
        (
            403,
            r#"{"Error":{"Code":"subscriptionnotfound"}}"#.to_owned(),
            "azure.subscription_not_found",
        ),
    ] {
        let error = answer(status, &body).error;
        assert_eq!(error.code, code, "{status} {body}");
        assert!(
            matches!(error.fault, Fault::Retry | Fault::Denied),
            "{status} {body}"
        );
    }
}

#[test]
fn no_answer_is_permanent() {
    for status in 100..1000 {
        for row in ROWS {
            let error = answer(status, &format!(r#"{{"code":"{}"}}"#, row.azure)).error;
            assert!(
                matches!(error.fault, Fault::Retry | Fault::Denied),
                "{status} {}",
                row.azure
            );
        }
    }
}

#[test]
fn a_strange_code_is_not_repeated() {
    let error = answer(500, r#"{"code":"Bearer eyJ0 <b>"}"#).error;
    assert_eq!(error.message, "Azure reports an internal error (500)");
}
