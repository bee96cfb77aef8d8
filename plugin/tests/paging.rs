//! What becomes of pages that fail, links that lead nowhere, and slices that are too wide.

#![allow(clippy::unwrap_used, reason = "a panic in a helper is a failed claim")]
#![allow(dead_code, reason = "each test uses a part of the simulated Azure")]

mod simulated;

use azure_activity::contract::Fault;
use azure_activity::source;
use simulated::polls::{MINUTE, azure, measure, poll, request};
use simulated::{LogEvent, Mishap, SECOND, Simulated};

#[test]
fn what_came_of_half_a_page_is_a_shorter_batch() {
    // What breaks off is asked for in parts, which show again what was taken.
    for (mishap, code, shown_again) in [
        (Mishap::CutOff, "azure.bad_page", 1),
        (Mishap::BrokenOff, "network.incomplete", 1),
    ] {
        let mut azure = azure(3);
        azure.lasting = Some(mishap);
        let first = poll(&mut azure, None, None).unwrap();
        assert_eq!((first.events.len(), first.next_in.is_some()), (1, true));
        azure.now += SECOND;
        let again = poll(&mut azure, Some(first.cursor.clone()), first.session.clone()).unwrap_err();
        assert_eq!((again.fault, again.code), (Fault::Retry, code));
        azure.lasting = None;
        let rest = poll(&mut azure, Some(first.cursor), again.session).unwrap();
        assert_eq!((rest.events.len(), rest.caught_up), (2, true));
        let duplicates = measure(&rest, "duplicates", "");
        assert_eq!(duplicates, shown_again, "what was taken is known");
    }
}

#[test]
fn a_page_that_never_comes_as_a_whole_is_asked_for_in_parts() {
    let mut azure = azure(40);
    azure.page_size = 200;
    azure.lasting = Some(Mishap::LimitedTo(2_000));
    let (mut cursor, mut session, mut delivered) = (None, None, 0);
    for _ in 0..20 {
        azure.now += SECOND;
        match poll(&mut azure, cursor.clone(), session) {
            Ok(batch) => {
                delivered += batch.events.len();
                cursor = Some(batch.cursor);
                session = batch.session;
                if batch.caught_up {
                    assert_eq!(delivered, 40);
                    return;
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("it is stuck after {delivered} events");
}

/// A log of six hundred events, one each three seconds, in pages of this size.
fn busy(page_size: usize) -> Simulated {
    let mut azure = azure(0);
    let event = |id| LogEvent {
        id,
        time: azure.now - u64::from(id + 1) * 3 * SECOND,
        visible: azure.now,
    };
    azure.events = (0..600).map(event).collect();
    azure.page_size = page_size;
    azure
}

/// An Azure whose last half hour is full of events, all of them known to the cursor and the session that come with it.
fn known(page_size: usize) -> (Simulated, Option<Vec<u8>>, Option<Vec<u8>>) {
    let mut azure = busy(page_size);
    let batch = poll(&mut azure, None, None).unwrap();
    assert_eq!(batch.events.len(), 600);
    azure.now += 8 * MINUTE;
    (azure, Some(batch.cursor), batch.session)
}

#[test]
fn a_query_of_very_many_pages_is_read_once() {
    let mut azure = busy(4);
    let batch = poll(&mut azure, None, None).unwrap();
    assert_eq!((batch.events.len(), batch.caught_up), (600, true));
    assert_eq!(measure(&batch, "received", ""), 600);
    assert_eq!(measure(&batch, "duplicates", ""), 0);
}

#[test]
fn a_page_that_has_no_room_in_the_batch_is_left_for_the_next_poll() {
    let mut azure = azure(40);
    azure.page_size = 4;
    let mut request = request("hunter2", None, None);
    request.budget.max_events = 10;
    let (mut events, mut requests, mut pages) = (Vec::new(), 0, 0);
    for _ in 0..5 {
        azure.begin_call();
        let batch = source::poll(&mut azure, &request).unwrap();
        events.push(batch.events.len());
        requests += measure(&batch, "requests", "");
        pages += measure(&batch, "pages", "");
        (request.cursor, request.session) = (Some(batch.cursor), batch.session);
    }
    // One request is the login.
    assert_eq!((events, requests, pages), (vec![8; 5], 11, 10));
}

#[test]
fn links_that_fail_are_no_mistake_of_the_configuration() {
    // Four pages to a second: no slice is narrow enough to do without a link.
    let mut azure = azure(0);
    let event = |id| LogEvent {
        id,
        time: azure.now - 600 * SECOND + u64::from(id) * SECOND / 20,
        visible: azure.now,
    };
    azure.events = (0..12_000).map(event).collect();
    azure.lasting = Some(Mishap::StaleLink);
    let mut request = request("hunter2", None, None);
    request.config = request.config.replace("\"drop\"", "\"start\":\"9m\",\"drop\"");
    let mut faults = 0;
    for _ in 0..20 {
        azure.begin_call();
        match source::poll(&mut azure, &request) {
            Ok(batch) => (request.cursor, request.session) = (Some(batch.cursor), batch.session),
            Err(error) => {
                assert_eq!((error.fault, error.code), (Fault::Retry, "azure.bad_request"));
                assert_eq!(error.hint, None);
                faults += 1;
            }
        }
        azure.now += SECOND;
    }
    assert!(faults > 0);
}

#[test]
fn circles_with_a_whole_slice_between_them_are_not_taken_as_the_end() {
    // How many good pages come between the first, the second and the third circle.
    for (first, second) in [(1, 4), (2, 3), (3, 3), (5, 2)] {
        let (mut azure, mut cursor, mut session) = known(100);
        let circle = Some(Mishap::RepeatedLink);
        azure.mishaps = vec![circle; first + second + 3];
        azure.mishaps[1..=first].fill(None);
        azure.mishaps[first + 2..=first + 1 + second].fill(None);
        for _ in 0..4 {
            let batch = poll(&mut azure, cursor, session).unwrap();
            (cursor, session) = (Some(batch.cursor), batch.session);
            azure.now += SECOND;
        }
        let believed = azure.lines.iter().any(|line| line.contains("without an end"));
        assert!(!believed, "{first}, {second}: {:?}", azure.lines);
    }
}

#[test]
fn a_look_back_that_takes_longer_than_a_poll_is_read_once_an_interval() {
    let mut azure = azure(50);
    let (mut cursor, mut session, mut delivered, mut polls) = (None, None, 0, 0);
    loop {
        let mut request = request("hunter2", cursor, session);
        // Ten pages at a fifth of a second each, of which a poll of one second reads three or four.
        request.budget.deadline = SECOND;
        azure.begin_call();
        let batch = source::poll(&mut azure, &request).unwrap();
        delivered += batch.events.len();
        polls += 1;
        (cursor, session) = (Some(batch.cursor), batch.session);
        if batch.caught_up {
            break;
        }
        assert!(polls < 5, "it never ends");
    }
    assert_eq!(delivered, 50);
}

#[test]
fn an_answer_that_is_no_page_is_never_a_time_without_events() {
    for body in [
        r#"{"error":{"code":"ServerTimeout","message":"x"}}"#,
        r#"{"message":"An error has occurred."}"#,
        r#"{"value":null,"error":{"code":"x"}}"#,
        "{}",
    ] {
        for page in 0..3 {
            let mut azure = azure(12);
            azure.mishaps = vec![None; page];
            azure.mishaps.push(Some(Mishap::Body(body)));
            let (mut cursor, mut session, mut delivered) = (None, None, 0);
            for _ in 0..3 {
                match poll(&mut azure, cursor.clone(), session.clone()) {
                    Ok(batch) => {
                        delivered += batch.events.len();
                        (cursor, session) = (Some(batch.cursor), batch.session);
                    }
                    Err(error) => assert_eq!((error.fault, error.code), (Fault::Retry, "azure.bad_page")),
                }
            }
            assert_eq!(delivered, 12, "{body} in the place of page {page}");
        }
    }
}

#[test]
fn a_server_error_is_answered_with_a_narrower_window() {
    let mut azure = azure(12);
    azure.mishaps = vec![Some(Mishap::Status(500))];
    let batch = poll(&mut azure, None, None).unwrap();
    assert_eq!(
        (batch.events.len(), measure(&batch, "retries", "server_error")),
        (12, 1)
    );
    assert!(batch.caught_up);
}

#[test]
fn pages_that_repeat_for_ever_are_read_to_their_end() {
    // The last page names itself: every query ends in a circle.
    let mut azure = azure(4);
    azure.lasting = Some(Mishap::RepeatedLink);
    let mut cursor = None;
    let mut delivered = 0;
    for _ in 0..20 {
        let batch = poll(&mut azure, cursor, None).unwrap();
        delivered += batch.events.len();
        cursor = Some(batch.cursor);
        azure.now += batch.next_in.unwrap_or(5 * MINUTE);
    }
    assert_eq!(delivered, 4);
    assert!(
        azure
            .lines
            .iter()
            .any(|line| line.starts_with("warn") && line.contains("repeat without an end"))
    );
}

#[test]
fn a_foreign_link_is_never_followed_and_ends_in_an_error() {
    let mut azure = azure(4);
    azure.lasting = Some(Mishap::ForeignLink);
    let mut cursor = None;
    let mut delivered = 0;
    for _ in 0..20 {
        match poll(&mut azure, cursor.clone(), None) {
            Ok(batch) => {
                delivered += batch.events.len();
                cursor = Some(batch.cursor);
            }
            Err(error) => {
                assert_eq!((error.code, delivered), ("azure.foreign_link", 4));
                return;
            }
        }
    }
    panic!("the foreign link was never reported");
}
