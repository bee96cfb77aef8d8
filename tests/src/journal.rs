//! What happened: the requests, the counts, and what a well-behaved client would not have done.

use std::collections::{BTreeMap, VecDeque};

use http::StatusCode;
use serde::Serialize;

use crate::arrival::Arrival;
use crate::route::Endpoint;
use crate::time::{self, Instant};

/// Requests kept in full. Long runs are judged by the counts, tests look at far fewer.
const KEPT_REQUESTS: usize = 10_000;

/// Violations kept in full; all are counted.
const KEPT_VIOLATIONS: usize = 1_000;

/// A request and its status.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// When it came.
    #[serde(serialize_with = "time::serialize")]
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// The names of its headers, in lower case. Values stay out: one of them is the token.
    pub headers: Vec<String>,
    /// Which endpoint it was for.
    pub endpoint: Endpoint,
    /// The status it got. A connection that was reset or left hanging has one too, which the client may never see.
    pub status: u16,
}

/// Something a well-behaved client does not do.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// When.
    #[serde(serialize_with = "time::serialize")]
    pub at: Instant,
    /// What.
    pub message: String,
}

/// The record of a run.
#[derive(Debug, Default)]
pub struct Journal {
    requests: VecDeque<Recorded>,
    violations: Vec<Violation>,
    /// Counts since the start.
    pub counts: Counts,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Requests by endpoint.
    pub by_endpoint: BTreeMap<Endpoint, u64>,
    /// Requests by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Pages of events that went out whole.
    pub pages: u64,
    /// Events on them, each as often as it was shown.
    pub events: u64,
    /// Violations.
    pub violations: u64,
}

impl Journal {
    /// Notes a request and its status.
    pub(crate) fn request(&mut self, arrival: &Arrival<'_>, status: StatusCode) {
        let (endpoint, status) = (arrival.route.endpoint, status.as_u16());
        self.counts.requests += 1;
        *self.counts.by_endpoint.entry(endpoint).or_default() += 1;
        *self.counts.by_status.entry(status).or_default() += 1;
        if self.requests.len() == KEPT_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(Recorded {
            at: arrival.now,
            method: arrival.request.method().to_string(),
            target: arrival.target.to_owned(),
            headers: arrival
                .request
                .headers()
                .keys()
                .map(|name| name.to_string())
                .collect(),
            endpoint,
            status,
        });
    }

    /// Notes a page of events that goes out whole.
    pub fn page(&mut self, events: usize) {
        self.counts.pages += 1;
        self.counts.events += events as u64;
    }

    /// Notes what a well-behaved client would not have done.
    pub fn violation(&mut self, at: Instant, message: String) {
        self.counts.violations += 1;
        if self.violations.len() < KEPT_VIOLATIONS {
            self.violations.push(Violation { at, message });
        }
    }

    /// The newest requests, oldest of them first.
    pub fn requests(&self) -> impl Iterator<Item = &Recorded> {
        self.requests.iter()
    }

    /// The first violations.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}
