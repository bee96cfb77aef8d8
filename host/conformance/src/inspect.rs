//! What holds for everything that a source returns, whatever it was asked.

use std::time::Duration;

use headwater::component::raw::{Batch, Budget, Error, Request, Session};
use headwater::component::{cursor_problem, event_problem, is_code};
use headwater::model::Event;

use super::check::Check;
use super::harness::{Harness, Setting};

/// Looks at what a poll returned.
pub(super) fn polled(
    harness: &Harness<'_>,
    setting: &Setting,
    what: &str,
    request: &Request,
    returned: &Result<Batch, Error>,
) {
    match returned {
        Ok(batch) => {
            let secrets = setting
                .secrets
                .with_session(request.session.as_ref().map(Session::as_bytes))
                .with_session(batch.session.session().map(Session::as_bytes));
            for text in texts(batch) {
                harness.guard(&secrets, format_args!("the batch of {what}"), &text);
            }
            events(harness, what, &batch.events);
            cursor(harness, what, &batch.cursor);
            budget(harness, what, request.budget, batch);
            progress(harness, what, request, batch);
        }
        Err(problem) => error(harness, setting, what, problem),
    }
}

/// Everything in a batch that leaves the component, but for the session.
pub(super) fn texts(batch: &Batch) -> Vec<String> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut texts = vec![lossy(&batch.cursor)];
    for event in &batch.events {
        texts.extend([event.id.clone(), event.body.clone()]);
        let attributes = event.attributes.iter();
        texts.extend(attributes.map(|attribute| format!("{} {}", attribute.name, attribute.value)));
    }
    for item in &batch.rejected {
        texts.extend([
            item.id.clone().unwrap_or_default(),
            item.reason.clone(),
            lossy(&item.raw),
        ]);
    }
    let measures = batch.measures.iter();
    texts.extend(measures.map(|measure| format!("{} {}", measure.name, measure.label)));
    texts
}

fn events(harness: &Harness<'_>, what: &str, events: &[Event]) {
    for event in events {
        let problem = event_problem(event);
        harness.expect(Check::Events, problem.is_none(), || {
            let problem = problem.map(|problem| problem.to_string()).unwrap_or_default();
            format!("{what}: event \"{}\" {problem}", event.id)
        });
    }
}

fn cursor(harness: &Harness<'_>, what: &str, cursor: &[u8]) {
    let problem = cursor_problem(cursor);
    harness.expect(Check::CursorFormat, problem.is_none(), || {
        let problem = problem.map(|problem| problem.to_string()).unwrap_or_default();
        format!("{what}: it returned {problem}")
    });
}

fn budget(harness: &Harness<'_>, what: &str, budget: Budget, batch: &Batch) {
    let Budget {
        max_events,
        max_bytes,
        ..
    } = budget;
    let count = batch.events.len() + batch.rejected.len();
    let bodies = batch.events.iter().map(|event| event.body.len());
    let bytes: usize = bodies
        .chain(batch.rejected.iter().map(|item| item.raw.len()))
        .sum();
    harness.expect(Check::Budget, count as u64 <= u64::from(max_events), || {
        format!("{what}: {count} events and rejected items where {max_events} are allowed")
    });
    harness.expect(Check::Budget, count <= 1 || bytes as u64 <= max_bytes, || {
        format!("{what}: {count} items of {bytes} bytes where {max_bytes} are allowed")
    });
}

/// A poll that says "again, at once" must have moved on, and must have something to come back for.
fn progress(harness: &Harness<'_>, what: &str, request: &Request, batch: &Batch) {
    let at_once = batch.next_in == Some(Duration::ZERO);
    let moved = request.cursor.as_ref() != Some(&batch.cursor);
    harness.expect(Check::EmptyProgress, !at_once || moved, || {
        format!("{what}: it wants to be called at once, but its cursor does not change: this never ends")
    });
    let contradiction = at_once && batch.caught_up;
    harness.expect(Check::EmptyProgress, !contradiction, || {
        format!("{what}: it says that it has caught up, and that more is ready")
    });
}

/// Looks at an error.
pub(super) fn error(harness: &Harness<'_>, setting: &Setting, what: &str, error: &Error) {
    let session = error.session.session().map(Session::as_bytes);
    let secrets = setting.secrets.with_session(session);
    let hint = error.hint.as_deref();
    for text in [&error.code, &error.message, hint.unwrap_or_default()] {
        harness.guard(&secrets, format_args!("the error of {what}"), text);
    }
    for measure in &error.measures {
        let text = format!("{} {}", measure.name, measure.label);
        harness.guard(&secrets, format_args!("a measure of the error of {what}"), &text);
    }
    harness.expect(Check::ErrorShape, is_code(&error.code), || {
        format!(
            "{what}: the code \"{}\" is not made of lower-case words separated by dots, or has more than 64 bytes",
            error.code
        )
    });
    for (name, text) in [("message", Some(error.message.as_str())), ("hint", hint)] {
        harness.expect(Check::ErrorShape, text.is_none_or(is_sentence), || {
            format!("{what}: the {name} of {} is not one line of text", error.code)
        });
    }
}

/// Whether a text fits into a line: it says something, and nothing that a terminal would obey.
pub(super) fn is_sentence(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}
