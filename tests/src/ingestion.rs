//! The Logs Ingestion API: `POST /dataCollectionRules/{rule}/streams/{stream}`, where Azure Monitor and Microsoft Sentinel
//! take records of others.

use std::io::Read;

use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::answer::Answer;
use crate::arrival::Arrival;
use crate::azure::Azure;
use crate::query::{Plus, Query};
use crate::refusal::{OrRefusal, bad_request, refusal};

/// What tokens for it are asked for.
pub(crate) const AUDIENCE: &str = "https://monitor.azure.com";

/// The version of the API.
const VERSION: &str = "2023-01-01";

/// Most bytes of a call, compressed or not.
const LARGEST_CALL: usize = 1 << 20;

/// A data collection rule, and what came in.
#[derive(Debug)]
pub struct CollectionRule {
    /// Its immutable id.
    pub id: String,
    /// The stream that it declares.
    pub stream: String,
    /// The application with the role Monitoring Metrics Publisher.
    pub publisher: String,
    /// The records taken, in order.
    pub records: Vec<Value>,
    /// The bytes of each call that was taken, as they were before compression.
    pub calls: Vec<usize>,
}

impl Azure {
    /// Takes a call in whole, or refuses it.
    pub(crate) fn ingest(&mut self, arrival: &Arrival<'_>) -> OrRefusal<Answer> {
        let token = self.authenticate(arrival)?;
        let request = arrival.request;
        if token.audience != AUDIENCE {
            let message = "The access token is for another audience.";
            return Err(self.unauthorized("InvalidAudience", message));
        }
        let query = Query::read(request.uri().query().unwrap_or_default(), Plus::Literal).unwrap_or_default();
        if request.method() != Method::POST || query.get("api-version") != Some(VERSION) {
            return Err(bad_request(
                "InvalidApiVersion",
                "Send a POST with api-version=2023-01-01.",
            ));
        }
        let rule = self.rule.as_mut().filter(|rule| arrival.route.name == rule.id);
        let Some(rule) = rule else {
            let message = "The data collection rule was not found.";
            return Err(refusal(StatusCode::NOT_FOUND, "NotFound", message));
        };
        if token.client_id != rule.publisher {
            let message = "The authentication token provided does not have access to ingest data for the data collection rule.";
            return Err(refusal(StatusCode::FORBIDDEN, "OperationFailed", message));
        }
        if request.uri().path().rsplit('/').next() != Some(rule.stream.as_str()) {
            return Err(bad_request(
                "InvalidStream",
                "Stream was not configured in the data collection rule.",
            ));
        }
        let mut body = Vec::new();
        let is_packed = request
            .headers()
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding == "gzip");
        if is_packed {
            let mut reader = GzDecoder::new(request.body().as_ref()).take(LARGEST_CALL as u64 + 1);
            if reader.read_to_end(&mut body).is_err() {
                return Err(bad_request("InvalidPayload", "The body is not gzip."));
            }
        } else {
            body.extend_from_slice(request.body());
        }
        if body.len() > LARGEST_CALL {
            let message = "Maximum allowed content length: 1048576 bytes (1 MB).";
            return Err(refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "ContentLengthLimitExceeded",
                message,
            ));
        }
        let Ok(Value::Array(records)) = serde_json::from_slice(&body) else {
            return Err(bad_request("InvalidPayload", "Payload must be a JSON array."));
        };
        if !records.iter().all(Value::is_object) {
            return Err(bad_request(
                "InvalidPayload",
                "Each element must be a JSON object.",
            ));
        }
        rule.calls.push(body.len());
        rule.records.extend(records);
        Ok(Answer::bytes(
            StatusCode::NO_CONTENT,
            "application/json",
            bytes::Bytes::new(),
        ))
    }
}
