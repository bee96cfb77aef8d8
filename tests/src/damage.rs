//! What each scripted failure does to an answer.

use bytes::Bytes;
use http::StatusCode;
use http::header::{LOCATION, RETRY_AFTER};
use serde_json::Value;

use crate::answer::{Answer, Wire};
use crate::entra_error;
use crate::page::Page;
use crate::script::{Action, ErrorBody};
use crate::time::Instant;

const HTML: &str =
    "<html><head><title>Service unavailable</title></head><body>The gateway is out of order.</body></html>";

impl Action {
    /// The answer that stands in place of the right one, if the right one is not even made.
    pub(crate) fn instead(&self, now: Instant) -> Option<Answer> {
        Some(match self {
            Action::Fail {
                status,
                body,
                code,
                message,
                retry_after,
            } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let code = code.as_deref().unwrap_or("Scripted");
                let message = message.as_deref().unwrap_or("This failure was scripted.");
                let answer = match body {
                    ErrorBody::Arm => Answer::arm_error(status, code, message),
                    ErrorBody::Insights => Answer::insights_error(status, code, message),
                    ErrorBody::Html => {
                        Answer::bytes(status, "text/html", Bytes::from_static(HTML.as_bytes()))
                    }
                    ErrorBody::Empty => Answer::bytes(status, "text/plain", Bytes::new()),
                };
                match retry_after {
                    Some(seconds) => answer.with_header(RETRY_AFTER.as_str(), &seconds.to_string()),
                    None => answer,
                }
            }
            Action::Answer { status, body } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Answer::bytes(status, "application/json", Bytes::from(body.clone()))
            }
            Action::Entra { number } => entra_error::answer(*number, "", now),
            Action::Redirect { to } => Answer::bytes(StatusCode::FOUND, "text/plain", Bytes::new())
                .with_header(LOCATION.as_str(), to),
            Action::Hang => Answer {
                wire: Wire::Hang,
                ..Answer::bytes(StatusCode::OK, "text/plain", Bytes::new())
            },
            _ => return None,
        })
    }

    /// Changes a page before it is written. `bearer` is the token of the request.
    pub(crate) fn change_page(&self, page: &mut Page, bearer: &str) {
        match self {
            Action::ForeignLink { origin } => {
                let link = page
                    .next
                    .as_ref()
                    .and_then(Value::as_str)
                    .unwrap_or(&page.again_link);
                page.next = Some(Value::String(format!("{origin}{}", path_and_query(link))));
            }
            Action::RepeatLink => page.next = Some(Value::String(page.own_link.clone())),
            Action::RepeatPage => page.next = Some(Value::String(page.again_link.clone())),
            Action::EmptyPage => {
                page.items.clear();
                page.next = Some(Value::String(page.again_link.clone()));
            }
            Action::Link { value } => page.next = Some(value.clone()),
            Action::Items { value } => {
                let item = value.to_string().into_bytes();
                page.items.iter_mut().for_each(|place| place.clone_from(&item));
            }
            Action::LastLink { value } => {
                page.next.get_or_insert_with(|| value.clone());
            }
            Action::InvalidUtf8 => page
                .items
                .iter_mut()
                .for_each(|item| insert_after(item, b"\"description\":\"", b"\xC3\x28\xFF ")),
            Action::Echo { text } => {
                if let Some(first) = page.items.first_mut() {
                    insert_after(
                        first,
                        b"\"description\":\"",
                        format!("{bearer} {text} ").as_bytes(),
                    );
                }
            }
            Action::Nest { levels } => {
                if let Some(first) = page.items.first_mut() {
                    let nested = format!("\"nested\":{}{},", "[".repeat(*levels), "]".repeat(*levels));
                    insert_after(first, b"{", nested.as_bytes());
                }
            }
            _ => {}
        }
    }

    /// Changes an answer that is written.
    pub(crate) fn change_answer(&self, mut answer: Answer) -> Answer {
        match self {
            Action::Reset { after } => answer.wire = Wire::Reset { after: *after },
            Action::Drip { bytes, pause_ms } => {
                answer.wire = Wire::Drip {
                    bytes: *bytes,
                    pause_ms: *pause_ms,
                }
            }
            Action::Pad { bytes } => answer.wire = Wire::Padded { bytes: *bytes },
            Action::Truncate { keep_percent } => {
                let body = answer.response.body_mut();
                *body = body.slice(..body.len() * usize::from(*keep_percent) / 100);
            }
            _ => {}
        }
        answer
    }

    /// Whether a page with this failure reaches no client in full.
    pub(crate) fn loses_page(&self) -> bool {
        matches!(
            self,
            Action::Reset { .. } | Action::Truncate { .. } | Action::Items { .. }
        )
    }
}

fn insert_after(text: &mut Vec<u8>, mark: &[u8], insert: &[u8]) {
    if let Some(at) = text.windows(mark.len()).position(|window| window == mark) {
        let at = at + mark.len();
        text.splice(at..at, insert.iter().copied());
    }
}

fn path_and_query(link: &str) -> &str {
    let after_scheme = link.find("://").map_or(0, |at| at + 3);
    link[after_scheme..]
        .find('/')
        .map_or("", |at| &link[after_scheme + at..])
}
