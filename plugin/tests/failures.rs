//! What the host is told when something fails, and what is tried before.

#![allow(clippy::unwrap_used, reason = "a panic in a helper is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod simulated;

use azure_activity::contract::{Fault, MeasureKind};
use azure_activity::source;
use simulated::polls::{MINUTE, azure, measure, poll, request};
use simulated::{Mishap, SECOND, answer};

#[test]
fn expired_token_is_renewed_once_on_any_page() {
    for page in 0..3 {
        let mut azure = azure(12);
        azure.mishaps = vec![None; page];
        azure.mishaps.push(Some(Mishap::TokenRejected));
        let first = poll(&mut azure, None, None);
        // A token that was never accepted is not renewed: another one would not help.
        if page == 0 {
            assert_eq!(first.unwrap_err().code, "azure.invalid_token");
            assert_eq!(azure.logins, 1);
        } else {
            assert_eq!(first.unwrap().events.len(), 12, "page {page}");
            assert_eq!(azure.logins, 2, "page {page}");
        }
    }
}

#[test]
fn a_session_spares_the_login_and_may_be_stale_or_foreign() {
    let mut azure = azure(3);
    let batch = poll(&mut azure, None, None).unwrap();
    azure.now += MINUTE;
    poll(&mut azure, Some(batch.cursor.clone()), batch.session.clone()).unwrap();
    assert_eq!(azure.logins, 1);
    azure.now += 56 * MINUTE;
    poll(&mut azure, Some(batch.cursor.clone()), batch.session).unwrap();
    assert_eq!(azure.logins, 2, "a token is renewed minutes before its end");
    poll(&mut azure, Some(batch.cursor), Some(b"anything".to_vec())).unwrap();
    assert_eq!(azure.logins, 3);
}

#[test]
fn a_refused_login_is_remembered_until_the_configuration_changes() {
    let mut azure = azure(3);
    let body = r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"hunter2","trace_id":"abc"}"#;
    azure.refusal = Some(answer(401, body));
    let error = poll(&mut azure, None, None).unwrap_err();
    assert_eq!((error.fault, error.code), (Fault::Denied, "entra.wrong_secret"));
    assert!(!format!("{error:?}").contains("hunter2"));

    let again = poll(&mut azure, None, error.session.clone()).unwrap_err();
    assert_eq!(
        (again.code, again.message, azure.logins),
        (error.code, error.message, 1)
    );
    assert!(again.retry_after.unwrap() <= MINUTE);

    azure.refusal = None;
    let corrected = request("correct", None, error.session);
    assert_eq!(source::poll(&mut azure, &corrected).unwrap().events.len(), 3);
}

#[test]
fn a_failure_at_first_is_an_error_with_its_fault() {
    for (mishap, fault, code, wait) in [
        (
            Mishap::Throttled(6),
            Fault::Retry,
            "azure.throttled",
            Some(7 * SECOND),
        ),
        (Mishap::ThrottledSilently, Fault::Retry, "azure.throttled", None),
        (
            Mishap::Status(403),
            Fault::Denied,
            "azure.forbidden",
            Some(MINUTE),
        ),
        (
            Mishap::Status(404),
            Fault::Denied,
            "azure.not_found",
            Some(MINUTE),
        ),
        (Mishap::Status(400), Fault::Retry, "azure.bad_request", None),
        (Mishap::Status(500), Fault::Retry, "azure.server_error", None),
        (Mishap::Status(503), Fault::Retry, "azure.unavailable", None),
        (Mishap::WebPage, Fault::Retry, "azure.bad_page", None),
        (Mishap::CutOff, Fault::Retry, "azure.bad_page", None),
        (Mishap::BrokenOff, Fault::Retry, "network.incomplete", None),
        (Mishap::Timeout, Fault::Retry, "network.timeout", None),
        (Mishap::Reset, Fault::Retry, "network.connect", None),
        (Mishap::TooLarge, Fault::Retry, "azure.response_too_large", None),
        (Mishap::Redirect, Fault::Retry, "azure.redirected", None),
    ] {
        let mut azure = azure(1);
        azure.lasting = Some(mishap);
        let error = poll(&mut azure, None, None).unwrap_err();
        assert_eq!(
            (error.fault, error.code, error.retry_after),
            (fault, code, wait),
            "{mishap:?}"
        );
        assert!(error.session.is_some(), "{mishap:?}: the token is worth keeping");
    }
}

#[test]
fn what_came_before_a_failure_is_a_shorter_batch() {
    let mut azure = azure(12);
    azure.mishaps = vec![None, Some(Mishap::Throttled(6))];
    let batch = poll(&mut azure, None, None).unwrap();
    assert_eq!((batch.events.len(), batch.next_in), (5, Some(7 * SECOND)));
    assert!(!batch.caught_up);
    azure.now += 7 * SECOND;
    let rest = poll(&mut azure, Some(batch.cursor), batch.session).unwrap();
    assert_eq!((rest.events.len(), rest.next_in), (7, None));
    assert!(rest.caught_up);
}

#[test]
fn a_clock_that_was_ahead_costs_nothing_of_what_start_asks_for() {
    let mut azure = azure(3);
    let right = azure.now;
    azure.now += 10 * 24 * 60 * MINUTE;
    let day = |cursor, session| {
        let mut request = request("hunter2", cursor, session);
        request.config = request.config.replace("\"drop\"", "\"start\":\"24h\",\"drop\"");
        request
    };
    azure.begin_call();
    let batch = source::poll(&mut azure, &day(None, None)).unwrap();
    assert_eq!(batch.events.len(), 0);
    azure.now = right;
    azure.begin_call();
    let batch = source::poll(&mut azure, &day(Some(batch.cursor), None)).unwrap();
    assert_eq!(batch.events.len(), 3);
    assert!(batch.progress.start <= right - 23 * 60 * MINUTE);
}

#[test]
fn a_stream_that_is_refused_leaves_the_token_to_others() {
    let mut azure = azure(3);
    let mut session = poll(&mut azure, None, None).unwrap().session;
    for round in 1..4 {
        azure.lasting = Some(Mishap::Status(401));
        azure.now += 5 * MINUTE;
        let refused = poll(&mut azure, None, session).unwrap_err();
        assert_eq!((refused.fault, azure.logins), (Fault::Denied, 1 + round));
        azure.lasting = None;
        session = poll(&mut azure, None, refused.session).unwrap().session;
        assert_eq!(azure.logins, 1 + round, "the other stream has a token");
    }
}

#[test]
fn an_old_token_is_replaced_once_when_a_role_may_be_new() {
    let mut azure = azure(3);
    let batch = poll(&mut azure, None, None).unwrap();
    azure.now += 10 * MINUTE;
    azure.lasting = Some(Mishap::Status(403));
    let error = poll(&mut azure, Some(batch.cursor.clone()), batch.session).unwrap_err();
    assert_eq!((error.code, azure.logins), ("azure.forbidden", 2));
    let error = poll(&mut azure, Some(batch.cursor), error.session).unwrap_err();
    assert_eq!(
        (error.code, azure.logins),
        ("azure.forbidden", 2),
        "a young token is kept"
    );
}

#[test]
fn a_cursor_that_cannot_be_read_is_never_replaced() {
    let mut azure = azure(3);
    for cursor in ["2 {\"from\":\"the future\"}\n", "1 {}\n", "gibberish", ""] {
        let error = poll(&mut azure, Some(cursor.into()), None).unwrap_err();
        assert_eq!(
            (error.fault, error.code),
            (Fault::InvalidCursor, "cursor.unreadable"),
            "{cursor}"
        );
    }
    assert!(azure.served.is_empty());
}

#[test]
fn a_start_before_the_retention_is_moved_with_a_warning() {
    let mut azure = azure(3);
    let mut request = request("hunter2", None, None);
    request.config = request
        .config
        .replace("\"drop\"", "\"start\":\"365d\",\"window\":\"30d\",\"drop\"");
    let batch = source::poll(&mut azure, &request).unwrap();
    assert_eq!(
        batch.progress.start,
        azure.now - azure.now % SECOND - 90 * 24 * 60 * MINUTE + 10 * MINUTE
    );
    assert!(
        azure
            .lines
            .iter()
            .any(|line| line.starts_with("warn Azure keeps 90 days")),
        "{:?}",
        azure.lines
    );
}

#[test]
fn requests_leave_as_the_api_documents_them() {
    let mut azure = azure(7);
    poll(&mut azure, None, None).unwrap();
    insta::assert_snapshot!(azure.requests.join("\n"));
}

#[test]
fn measures_tell_what_a_poll_did() {
    let mut azure = azure(12);
    let batch = poll(&mut azure, None, None).unwrap();
    for (name, value) in [("requests", 4), ("pages", 3), ("received", 12), ("duplicates", 0)] {
        assert_eq!(measure(&batch, name, ""), value, "{name}");
    }
    assert_eq!(measure(&batch, "lateness_seconds", "10"), 12);
    let lag = batch
        .measures
        .iter()
        .find(|measure| measure.name == "lag_seconds")
        .unwrap();
    assert_eq!((lag.kind, lag.value), (MeasureKind::Gauge, 48 * 60 + 59));
    azure.now += MINUTE;
    let again = poll(&mut azure, Some(batch.cursor), batch.session).unwrap();
    assert_eq!(
        (measure(&again, "received", ""), measure(&again, "duplicates", "")),
        (0, 0)
    );
}

#[test]
fn no_line_and_no_debug_output_shows_a_secret() {
    let mut azure = azure(12);
    azure.mishaps = vec![
        None,
        Some(Mishap::TokenRejected),
        Some(Mishap::RepeatedLink),
        Some(Mishap::StaleLink),
    ];
    let batch = poll(&mut azure, None, None).unwrap();
    let shown = format!(
        "{:?} {:?} {:?}",
        azure.lines,
        batch.measures,
        String::from_utf8_lossy(&batch.cursor)
    );
    assert!(!shown.contains("hunter2") && !shown.contains("token-"), "{shown}");
}
