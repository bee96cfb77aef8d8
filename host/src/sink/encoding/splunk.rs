//! Splunk's HTTP Event Collector: JSON objects one after the other.

use serde_json::Value;

use super::number::count;
use super::{RequestOutcome, unreadable};
use crate::model::Event;
use crate::sink::Delivery;
use crate::sink::http_client::Reply;

/// Splunk Cloud takes a megabyte a request.
pub(super) const LIMITS: (usize, usize) = (usize::MAX, 900 << 10);
/// Codes of a 400 that are about the token or the request, not about an event: 7 wrong index, 10 and 11 no channel, 14
/// acknowledgement switched off.
const FIXABLE: [u64; 4] = [7, 10, 11, 14];

/// What Splunk knows about events beside their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplunkFields {
    /// The kind of the events, which decides how Splunk reads them.
    pub sourcetype: String,
    /// The index; none leaves it to the token.
    pub index: Option<String>,
}

impl SplunkFields {
    /// Splunk does not de-duplicate by itself; the key is an indexed field, for searches with `dedup event_key`.
    pub(super) fn body(&self, delivery: &Delivery<'_>, events: &[&Event]) -> String {
        let mut place = format!(
            "\"host\":{},\"source\":\"headwater\",\"sourcetype\":{}",
            Value::from(delivery.source),
            Value::from(self.sourcetype.as_str())
        );
        if let Some(index) = &self.index {
            place += &format!(",\"index\":{}", Value::from(index.as_str()));
        }
        events.iter().fold(String::new(), |mut body, event| {
            // By hand, since a floating-point number would lose the end of the time. Without one Splunk takes its own.
            let time = event.time.map_or_else(String::new, |time| {
                let (seconds, rest) = (time / 1_000_000_000, time % 1_000_000_000);
                format!("\"time\":{seconds}.{:06},", rest / 1_000)
            });
            body += &format!(
                "{{{time}{place},\"fields\":{{\"event_key\":\"{}\"}},\"event\":{}}}\n",
                delivery.key(event),
                event.body
            );
            body
        })
    }
}

/// A collector that took the events says so with code 0; a login page or a proxy does not.
pub(super) fn read(reply: &Reply) -> RequestOutcome {
    match code(reply.text()) {
        Some(0) => RequestOutcome::Accepted,
        Some(_) => unreadable(reply, "a code other than 0"),
        None => unreadable(reply, "something else than the answer of an event collector"),
    }
}

pub(super) fn is_fixable(answer: &[u8]) -> bool {
    code(answer).is_some_and(|code| FIXABLE.contains(&code))
}

/// The code in the collector's answer.
fn code(answer: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer.get("code").filter(|code| !code.is_null()).and_then(count)
}
