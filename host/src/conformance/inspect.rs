//! What holds for everything that a source returns, whatever it was asked.

use std::fmt::Display;

use serde::de::IgnoredAny;

use super::check::Check;
use super::lab::{Lab, World};
use crate::batch::{self, HIGHEST_SEVERITY};
use crate::bindings::exports::headwater::source::source as wit;
use crate::bindings::exports::headwater::source::types::{Error as PluginError, Measure};
use crate::plugin_log::PluginLog;

/// Looks at what a poll returned.
pub(super) fn polled(
    lab: &Lab,
    world: &World,
    what: &str,
    request: &wit::Request,
    returned: &Result<wit::Batch, PluginError>,
) {
    match returned {
        Ok(batch) => {
            let secrets = world
                .secrets
                .with_session(request.session.as_deref())
                .with_session(batch.session.as_deref());
            for text in texts(batch) {
                lab.guard(&secrets, format_args!("the batch of {what}"), &text);
            }
            events(lab, what, &batch.events);
            cursor(lab, what, &batch.cursor);
            budget(lab, what, &request.budget, batch);
            progress(lab, what, request, batch);
        }
        Err(problem) => error(lab, world, what, problem),
    }
}

/// Everything in a batch that leaves the component, but for the session.
pub(super) fn texts(batch: &wit::Batch) -> Vec<String> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut texts = vec![lossy(&batch.cursor)];
    for event in &batch.events {
        texts.extend([event.id.clone(), event.body.clone()]);
    }
    for item in &batch.rejected {
        texts.extend([
            item.id.clone().unwrap_or_default(),
            item.reason.clone(),
            lossy(&item.raw),
        ]);
    }
    texts.extend(batch.measures.iter().map(measure));
    texts
}

fn measure(measure: &Measure) -> String {
    format!("{} {}", measure.name, measure.label)
}

fn events(lab: &Lab, what: &str, events: &[wit::Event]) {
    for event in events {
        let problem = if event.id.is_empty() {
            "has no id"
        } else if event.body.contains(['\n', '\r']) {
            "is not on one line"
        } else if !event.body.starts_with('{') || serde_json::from_str::<IgnoredAny>(&event.body).is_err() {
            "is not a JSON object"
        } else if event.severity > HIGHEST_SEVERITY {
            "has a severity above 24"
        } else {
            ""
        };
        lab.expect(Check::Events, problem.is_empty(), || {
            format!("{what}: event \"{}\" {problem}", event.id)
        });
    }
}

fn cursor(lab: &Lab, what: &str, cursor: &[u8]) {
    let problem = batch::cursor_problem(cursor);
    let readable =
        std::str::from_utf8(cursor.split(|byte| *byte == b'\n').next().unwrap_or_default()).is_ok();
    lab.expect(Check::CursorFormat, problem.is_none() && readable, || {
        let problem =
            problem.unwrap_or_else(|| "a cursor that does not begin with a line of text".to_owned());
        format!("{what}: it returned {problem}")
    });
}

fn budget(lab: &Lab, what: &str, budget: &wit::Budget, batch: &wit::Batch) {
    let count = batch.events.len() + batch.rejected.len();
    let bodies = batch.events.iter().map(|event| event.body.len());
    let bytes: usize = bodies
        .chain(batch.rejected.iter().map(|item| item.raw.len()))
        .sum();
    lab.expect(
        Check::Budget,
        count as u64 <= u64::from(budget.max_events),
        || {
            format!(
                "{what}: {count} events and rejected items where {} are allowed",
                budget.max_events
            )
        },
    );
    lab.expect(
        Check::Budget,
        count <= 1 || bytes as u64 <= budget.max_bytes,
        || {
            format!(
                "{what}: {count} items of {bytes} bytes where {} are allowed",
                budget.max_bytes
            )
        },
    );
}

/// A poll that says "again, at once" must have moved on, and must have something to come back for.
fn progress(lab: &Lab, what: &str, request: &wit::Request, batch: &wit::Batch) {
    let at_once = batch.next_in == Some(0);
    let moved = request.cursor.as_ref() != Some(&batch.cursor);
    lab.expect(Check::EmptyProgress, !at_once || moved, || {
        format!("{what}: it wants to be called at once, but its cursor does not change: this never ends")
    });
    lab.expect(
        Check::EmptyProgress,
        !(at_once && batch.progress.caught_up),
        || format!("{what}: it says that it has caught up and that more is ready"),
    );
}

/// Looks at an error.
pub(super) fn error(lab: &Lab, world: &World, what: &str, error: &PluginError) {
    let secrets = world.secrets.with_session(error.session.as_deref());
    let hint = error.hint.as_deref();
    for text in [&error.code, &error.message, hint.unwrap_or_default()] {
        lab.guard(&secrets, format_args!("the error of {what}"), text);
    }
    let is_word =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"-_".contains(&letter);
    let dotted = error
        .code
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(is_word));
    lab.expect(Check::ErrorShape, dotted, || {
        format!(
            "{what}: the code \"{}\" is not made of lower-case words separated by dots",
            error.code
        )
    });
    for (name, text) in [("message", Some(error.message.as_str())), ("hint", hint)] {
        lab.expect(Check::ErrorShape, text.is_none_or(is_sentence), || {
            format!("{what}: the {name} of {} is not one line of text", error.code)
        });
    }
}

/// Whether a text can stand in a line: it says something, and nothing that a terminal would obey.
pub(super) fn is_sentence(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// Looks at what a call wrote to stderr.
pub(super) fn log(lab: &Lab, world: &World, what: impl Display, log: &PluginLog) {
    let (text, dropped) = log.take();
    lab.guard(&world.secrets, format_args!("the log of {what}"), &text);
    lab.expect(Check::Logs, dropped == 0, || {
        format!("{what}: {dropped} bytes of its log were too many for one call")
    });
    let plain = text
        .lines()
        .all(|line| !line.contains(|letter: char| letter.is_control() && letter != '\t'));
    lab.expect(Check::Logs, plain, || {
        format!("{what}: its log holds control characters")
    });
}
