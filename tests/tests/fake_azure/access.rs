//! Who gets to the log, and how a query must be written.

use chrono::TimeDelta;
use fake_azure::scenario::example::{CLIENT_ID, DEVELOPMENT, PRODUCTION, TENANT};
use fake_azure::{Grant, Role, Scope, Settings, State, Subscription, Tenant};
use http::Method;

use crate::client::{Client, bare_log_target, body, error, ids, log_target};

const TENANT_LOG: &str = "/providers/microsoft.insights/eventtypes/management/values?api-version=2015-04-01\
                          &$filter=eventTimestamp%20ge%20'2026-05-04T10:00:00Z'";
const LIST: &str = "/subscriptions?api-version=2020-01-01";

#[test]
fn a_request_without_a_good_token_is_unauthorized() {
    let mut client = Client::new(Settings::default());
    let target = client.last_hour();
    let cases = [
        (None, "AuthenticationFailed"),
        (Some("Basic abc"), "AuthenticationFailed"),
        (Some("Bearer"), "AuthenticationFailed"),
        (Some("Bearer made-up"), "InvalidAuthenticationToken"),
    ];
    for (authorization, code) in cases {
        let answer = client.request(Method::GET, &target, authorization);
        assert_eq!(error(&answer), (401, code.to_owned()), "{authorization:?}");
        assert!(
            answer.response.headers().contains_key("www-authenticate"),
            "{authorization:?}"
        );
    }
}

#[test]
fn a_token_expires_when_its_time_is_over() {
    let mut client = Client::new(Settings {
        token_life: TimeDelta::seconds(60),
        ..Settings::default()
    });
    let target = client.last_hour();
    client.pass(59);
    assert_eq!(client.get(&target).status(), 200);
    client.pass(1);
    assert_eq!(
        error(&client.get(&target)),
        (401, "ExpiredAuthenticationToken".to_owned())
    );
    client.log_in();
    assert_eq!(client.get(&target).status(), 200);
}

#[test]
fn a_missing_role_is_forbidden_and_a_new_one_needs_a_new_token() {
    let mut client = Client::new(Settings::default());
    client.azure.directory.grants.clear();
    let target = client.last_hour();
    let refused = client.get(&target);
    assert_eq!(error(&refused), (403, "AuthorizationFailed".to_owned()));
    let message = body(&refused)["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("'Microsoft.Insights/eventtypes/values/read' over scope '/subscriptions/"),
        "{message}"
    );

    client.pass(10);
    client.azure.directory.grants.push(Grant {
        client_id: CLIENT_ID.to_owned(),
        scope: Scope::Subscription(PRODUCTION.to_owned()),
        role: Role::LogOnly,
        since: Some(client.now),
    });
    assert_eq!(client.get(&target).status(), 403);
    client.log_in();
    assert_eq!(client.get(&target).status(), 200);
    assert_eq!(
        client
            .get(&format!("/subscriptions/{PRODUCTION}?api-version=2020-01-01"))
            .status(),
        403
    );
}

#[test]
fn subscriptions_that_are_not_ours_are_told_apart() {
    let mut client = Client::new(Settings::default());
    let foreign = "12345678-0000-4000-8000-000000000001";
    client.azure.directory.tenants.push(Tenant {
        id: "t2".to_owned(),
        domain: None,
    });
    client.azure.directory.subscriptions.push(Subscription {
        id: foreign.to_owned(),
        tenant: "t2".to_owned(),
        name: "Fabrikam".to_owned(),
        state: State::Enabled,
    });
    let cases = [
        ("not-a-guid", 400, "InvalidSubscriptionId"),
        (TENANT, 404, "SubscriptionNotFound"),
        (foreign, 401, "InvalidAuthenticationTokenTenant"),
    ];
    for (id, status, code) in cases {
        assert_eq!(
            error(&client.get(&bare_log_target(id))),
            (status, code.to_owned()),
            "{id}"
        );
    }
    let listed = body(&client.get(LIST)).to_string();
    assert!(
        listed.contains(PRODUCTION) && !listed.contains(foreign),
        "{listed}"
    );
}

#[test]
fn the_tenant_log_needs_a_role_of_its_own() {
    let mut client = Client::new(Settings::default());
    assert_eq!(client.get(TENANT_LOG).status(), 200);
    client
        .azure
        .directory
        .grants
        .retain(|grant| grant.scope != Scope::Tenant(TENANT.to_owned()));
    let refused = body(&client.get(TENANT_LOG)).to_string();
    assert!(
        refused.contains("over scope '/providers/Microsoft.Insights'"),
        "{refused}"
    );
}

#[test]
fn a_wrong_version_method_path_or_option_is_refused() {
    let mut client = Client::new(Settings::default());
    let log = client.last_hour();
    let cases = [
        (
            log.replace("api-version=2015-04-01&", ""),
            400,
            "MissingApiVersionParameter",
        ),
        (
            log.replace("2015-04-01", "2017-03-01-preview"),
            400,
            "InvalidApiVersionParameter",
        ),
        (
            LIST.replace("2020-01-01", "2015-04-01"),
            400,
            "InvalidApiVersionParameter",
        ),
        (format!("{log}&$top=5"), 400, "BadRequest"),
        (format!("{log}&$select=caller"), 400, "BadRequest"),
        (
            format!("{log}&api-version=2015-04-01"),
            400,
            "InvalidQueryParameter",
        ),
        (format!("{LIST}&$filter=x"), 400, "InvalidQueryParameter"),
        (
            "/subscription?api-version=2020-01-01".to_owned(),
            404,
            "InvalidResource",
        ),
    ];
    for (target, status, code) in cases {
        assert_eq!(error(&client.get(&target)), (status, code.to_owned()), "{target}");
    }
    let authorization = format!("Bearer {}", client.token);
    let answer = client.request(Method::POST, &log, Some(&authorization));
    assert_eq!(error(&answer), (405, "HttpMethodNotSupported".to_owned()));
}

#[test]
fn a_wrong_filter_is_refused_in_the_shape_of_insights() {
    let mut client = Client::new(Settings::default());
    let targets = [
        bare_log_target(PRODUCTION),
        log_target("eventTimestamp le '2026-05-04T12:00:00Z'"),
        log_target("eventTimestamp ge '2026-05-04T10:00:00Z' and level eq 'Error'"),
        log_target("eventTimestamp+ge+'2026-05-04T10:00:00Z'"),
    ];
    for target in targets {
        let answer = client.get(&target);
        assert_eq!(
            (answer.status().as_u16(), &body(&answer)["code"]),
            (400, &"BadRequest".into()),
            "{target}"
        );
    }
}

#[test]
fn the_log_reaches_back_ninety_days_and_no_further() {
    let mut client = Client::new(Settings::default());
    assert_eq!(
        client
            .get(&log_target("eventTimestamp ge '2026-02-03T12:00:00Z'"))
            .status(),
        200
    );
    let answer = client.get(&log_target("eventTimestamp ge '2026-02-03T11:59:59Z'"));
    assert_eq!(
        body(&answer)["message"],
        "The start time cannot be more than 90 days in the past."
    );
}

#[test]
fn an_equality_term_selects_without_letter_case() {
    let mut client = Client::with_events(5, 10);
    let target = format!("{}%20and%20correlationId%20eq%20'C-EVENT-3'", client.last_hour());
    assert_eq!(ids(&body(&client.get(&target))), ["event-3"]);
}

#[test]
fn paths_and_option_names_may_be_written_in_any_letter_case() {
    let mut client = Client::with_events(1, 10);
    let target = client
        .last_hour()
        .replace("subscriptions", "SUBSCRIPTIONS")
        .replace("$filter", "%24Filter");
    assert_eq!(ids(&body(&client.get(&target))), ["event-1"]);
}

#[test]
fn reads_are_counted_down_and_refused_only_on_demand() {
    let mut client = Client::new(Settings::default());
    let target = client.last_hour();
    let left = |answer: &fake_azure::Answer| {
        answer.response.headers()["x-ms-ratelimit-remaining-subscription-reads"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(left(&client.get(&target)), "249");
    for _ in 0..300 {
        assert_eq!(client.get(&target).status(), 200);
    }
    assert_eq!(left(&client.get(&target)), "0");
    client.azure.settings_mut().limit_reads = true;
    assert_eq!(client.get(&target).status(), 429);
}

#[test]
fn subscriptions_are_listed_in_pages_and_described_one_by_one() {
    let mut client = Client::new(Settings {
        page_size: 1,
        ..Settings::default()
    });
    let first = body(&client.get(LIST));
    assert_eq!(first["value"][0]["subscriptionId"], PRODUCTION);
    let second = body(&client.get(first["nextLink"].as_str().unwrap()));
    assert_eq!(second["value"][0]["subscriptionId"], DEVELOPMENT);
    assert_eq!(second.get("nextLink"), None);
    let one = body(&client.get(&format!("/subscriptions/{DEVELOPMENT}?api-version=2020-01-01")));
    assert_eq!(
        (&one["displayName"], &one["state"]),
        (&"Contoso Development".into(), &"Enabled".into())
    );
}
