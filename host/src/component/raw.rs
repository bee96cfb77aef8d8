//! What goes into a component and what comes back from it, not judged yet: the records of the contract in types of this
//! library.

mod convert;

use std::fmt;
use std::time::Duration;

pub(super) use self::convert::{issues, nanoseconds};
use crate::model::{Event, Fault, Issue, Measure, PartitionInfo, Progress, Rejected};

/// What a source remembers between calls, for example an access token. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Session(Vec<u8>);

impl Session {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Session {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Session({} bytes, hidden)", self.0.len())
    }
}

/// What becomes of the session that the host holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SessionChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// The one that the call was given is of no use any more.
    Drop,
    /// This one takes its place.
    Replace(Session),
}

impl SessionChange {
    /// The session that a call returned, if it did.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Replace(session) => Some(session),
            Self::Keep | Self::Drop => None,
        }
    }

    /// The session that the next call gets, where this one was given `before`.
    pub fn apply(&self, before: Option<Session>) -> Option<Session> {
        match self {
            Self::Keep => before,
            Self::Drop => None,
            Self::Replace(session) => Some(session.clone()),
        }
    }
}

/// What to poll, and from where.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The configuration as JSON.
    pub config: String,
    /// One that was discovered.
    pub partition: String,
    /// The last stored cursor; none at the very first poll.
    pub cursor: Option<Vec<u8>>,
    /// The newest session, when there is one.
    pub session: Option<Session>,
    /// What the call may take.
    pub budget: Budget,
}

/// How much a poll may return, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most events and rejected items together.
    pub max_events: u32,
    /// Most bytes of bodies and rejected items together.
    pub max_bytes: u64,
    /// Time from the start of the call within which it returns.
    pub deadline: Duration,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Records, ready for the pipeline.
    pub events: Vec<Event>,
    /// Records that could not be made events.
    pub rejected: Vec<Rejected>,
    /// Covers the events and rejected items of this batch and of those before it.
    pub cursor: Vec<u8>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// When to poll again; none leaves it to the interval.
    pub next_in: Option<Duration>,
    /// Whether there is nothing more to read at present.
    pub caught_up: bool,
    /// How far reading has come, where time says something about that.
    pub progress: Option<Progress>,
    /// What the call counted.
    pub measures: Vec<Measure>,
}

/// What a configuration finds upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Every partition.
    pub partitions: Vec<PartitionInfo>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// What the call counted.
    pub measures: Vec<Measure>,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was found, in one sentence.
    pub summary: String,
    /// What a person should look at although the test passed.
    pub warnings: Vec<String>,
    /// What becomes of the session.
    pub session: SessionChange,
}

/// Why a call failed, in the plugin's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What the host must do.
    pub fault: Fault,
    /// A word for machines.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// What a person should do about it.
    pub hint: Option<String>,
    /// No further call for this partition before this much time has passed.
    pub retry_after: Option<Duration>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// What the call counted.
    pub measures: Vec<Measure>,
}

/// What a configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The origins that calls with this configuration will contact.
    pub origins: Vec<String>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Issue>,
}

/// A plugin's description of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Short name in lower case and dashes.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// What it reads, in one line.
    pub summary: String,
    /// Where its documentation is.
    pub homepage: String,
    /// JSON Schema (2020-12) of the configuration.
    pub config_schema: String,
    /// The formats of event bodies that it can write, the default first.
    pub formats: Vec<String>,
    /// The cursor format that this version writes.
    pub cursor_format: u32,
    /// How often to poll when nobody says.
    pub default_interval: Duration,
    /// Polling more often than this does harm.
    pub minimum_interval: Duration,
}

/// What a plugin wrote to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// What was kept of it.
    pub text: String,
    /// Bytes that were too many for one instance.
    pub dropped: u64,
}

/// What comes back from a call that takes the session.
pub(crate) trait WithSession {
    fn take_session(&mut self) -> SessionChange;

    /// Whether there is so little beside the session that examining it takes no time to speak of.
    fn is_little(&self) -> bool {
        false
    }
}

/// What little may have, in bytes: the cursor and measures of a quiet stream.
const LITTLE: usize = 16 << 10;
/// Measures among it.
const FEW: usize = 64;

impl WithSession for Batch {
    fn take_session(&mut self) -> SessionChange {
        std::mem::take(&mut self.session)
    }

    fn is_little(&self) -> bool {
        let of_measure = |measure: &Measure| measure.name.len() + measure.label.len();
        self.events.is_empty()
            && self.rejected.is_empty()
            && self.measures.len() <= FEW
            && self.cursor.len() + self.measures.iter().map(of_measure).sum::<usize>() <= LITTLE
    }
}

impl WithSession for Discovery {
    fn take_session(&mut self) -> SessionChange {
        std::mem::take(&mut self.session)
    }
}

impl WithSession for Report {
    fn take_session(&mut self) -> SessionChange {
        std::mem::take(&mut self.session)
    }
}

impl WithSession for Error {
    fn take_session(&mut self) -> SessionChange {
        std::mem::take(&mut self.session)
    }
}

/// The configuration holds secrets.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("partition", &self.partition)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_session_nor_a_configuration_is_shown() {
        let request = Request {
            config: r#"{"password":"s3cret-value"}"#.to_owned(),
            partition: "p".to_owned(),
            cursor: None,
            session: Some(b"s3cret-value".to_vec().into()),
            budget: Budget {
                max_events: 1,
                max_bytes: 1,
                deadline: Duration::MAX,
            },
        };
        let shown = format!("{request:?} {:?}", request.session);
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
