//! The source as a native library, with an upstream that answers from memory.

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use azure_activity::contract::{Batch, Budget, Nanos, Request, Timestamp};
use azure_activity::format::Format;
use azure_activity::http::{self, Answer, Level, Platform, Response, TransportError};
use azure_activity::source;
use headwater::model::Limits;

use crate::support::{BATCH_BYTES, ENDPOINT, PARTITION, TOKEN};

/// One poll from the start.
pub fn poll(page: &[u8], format: Format) -> anyhow::Result<Batch> {
    let limits = Limits::default();
    let config = serde_json::json!({
        "tenant_id": "11111111-1111-1111-1111-111111111111",
        "client_id": "22222222-2222-2222-2222-222222222222",
        "client_secret": "an example of a secret",
        "tenant_log": true,
        "format": format.name(),
        "cloud": {"authority": ENDPOINT, "resource_manager": ENDPOINT},
    });
    let request = Request {
        config: config.to_string(),
        partition: PARTITION.to_owned(),
        cursor: None,
        session: None,
        budget: Budget {
            max_events: limits.batch_events,
            max_bytes: BATCH_BYTES,
            deadline: Nanos::try_from(limits.poll_timeout.as_nanos())?,
        },
    };
    let batch = source::poll(&mut Canned { page }, &request);
    black_box(batch).map_err(|error| anyhow!("{error:?}"))
}

/// Answers every request for a token with one, and everything else with the page.
struct Canned<'a> {
    page: &'a [u8],
}

impl Platform for Canned<'_> {
    fn send(&mut self, request: &http::Request) -> Result<Answer, TransportError> {
        let body = if request.url.ends_with("/token") {
            TOKEN
        } else {
            self.page
        };
        let response = Response {
            status: 200,
            headers: Vec::new(),
            body: body.to_vec(),
        };
        Ok(response.into())
    }

    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::try_from(now.as_nanos()).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Nanos {
        0
    }

    fn random(&mut self) -> u64 {
        7
    }

    fn log(&mut self, _: Level, _: &str) {}
}
