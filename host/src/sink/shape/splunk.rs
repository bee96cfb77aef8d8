//! Splunk's HTTP Event Collector: JSON objects one after the other.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::batch::Event;

/// Splunk Cloud takes a megabyte a request.
pub(super) const LIMITS: (usize, usize) = (usize::MAX, 900 << 10);
/// Codes of a 400 that are about the token or the request, not about an event: 7 wrong index, 10 and 11 no channel, 14
/// acknowledgement switched off.
const MENDABLE: [u64; 4] = [7, 10, 11, 14];

/// What Splunk knows about events beside their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplunkFields {
    /// The kind of the events, which decides how Splunk reads them.
    pub sourcetype: String,
    /// The index; none leaves it to the token.
    pub index: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    code: u64,
}

impl SplunkFields {
    pub(super) fn body(&self, source: &str, events: &[Event]) -> String {
        let mut place = format!(
            "\"host\":{},\"source\":\"headwater\",\"sourcetype\":{}",
            Value::from(source),
            Value::from(self.sourcetype.as_str())
        );
        if let Some(index) = &self.index {
            place += &format!(",\"index\":{}", Value::from(index.as_str()));
        }
        events.iter().fold(String::new(), |mut body, event| {
            let (seconds, rest) = (event.time / 1_000_000_000, event.time % 1_000_000_000);
            // By hand, since a floating-point number would lose the end of the time.
            body += &format!(
                "{{\"time\":{seconds}.{:06},{place},\"event\":{}}}\n",
                rest / 1_000,
                event.body
            );
            body
        })
    }
}

pub(super) fn is_mendable(answer: &Bytes) -> bool {
    serde_json::from_slice(answer).is_ok_and(|Answer { code }| MENDABLE.contains(&code))
}
