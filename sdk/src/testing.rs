//! An upstream for the native tests of a source.

use std::collections::VecDeque;

use crate::adapter::Adapter;
use crate::contract::{Batch, Budget, Error, Nanos, Request as PollRequest, Timestamp};
use crate::duration::SECOND;
use crate::exports::Component;
use crate::http::{Answer, Level, Platform, Request, Response, TransportError};
use crate::source::PagedSource;

/// Answers requests in turn; the last answer is given again and again. The clock stands still.
#[derive(Debug, Default)]
pub struct Answers {
    answers: VecDeque<Response>,
    /// The requests so far.
    pub requests: Vec<Request>,
    /// The log lines so far.
    pub lines: Vec<String>,
    /// The time since the call began, in nanoseconds.
    pub elapsed: Nanos,
}

/// The time of every call: 2026-03-01T12:00:00Z.
pub const NOW: Timestamp = 1_772_366_400 * SECOND;

impl Answers {
    /// Answers with these statuses and bodies.
    pub fn new<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        let answer = |(status, body): (u16, &str)| Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        Self {
            answers: answers.into_iter().map(answer).collect(),
            ..Self::default()
        }
    }
}

impl Platform for Answers {
    fn send(&mut self, request: &Request) -> Result<Answer, TransportError> {
        self.requests.push(request.clone());
        let next = match self.answers.len() {
            1 => self.answers.front().cloned(),
            _ => self.answers.pop_front(),
        };
        next.map(Answer::from).ok_or(TransportError::Connect)
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn elapsed(&self) -> Nanos {
        self.elapsed
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn log(&mut self, level: Level, text: &str) {
        self.lines.push(format!("{} {text}", level.word()));
    }
}

/// Polls a source with an ordinary budget and without a session.
///
/// # Errors
///
/// What the source says.
pub fn poll<S: PagedSource>(
    upstream: &mut Answers,
    config: &str,
    partition: &str,
    cursor: Option<Vec<u8>>,
) -> Result<Batch, Error> {
    Adapter::<S>::poll(
        upstream,
        &PollRequest {
            config: config.to_owned(),
            partition: partition.to_owned(),
            cursor,
            session: None,
            budget: Budget {
                max_events: 1_000,
                max_bytes: 1 << 20,
                deadline: 60 * SECOND,
            },
        },
    )
}
