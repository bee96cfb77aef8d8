//! The contract's records as plain Rust, so that all logic runs and is tested natively. Field by field the same as in
//! `wit/source.wit`, whose comments are the manual; `component` translates.

/// A duration in nanoseconds.
pub type Nanos = u64;

/// An instant in nanoseconds since 1970-01-01T00:00:00Z.
pub type Timestamp = u64;

/// A source's description of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Short name in lower case and dashes.
    pub name: String,
    /// Semantic version of the source.
    pub version: String,
    /// What it reads, in one line.
    pub summary: String,
    /// Where its documentation is.
    pub homepage: String,
    /// JSON Schema (2020-12) of the configuration.
    pub config_schema: String,
    /// The shapes of event bodies it can write, the default first.
    pub formats: Vec<String>,
    /// The cursor format that this version writes.
    pub cursor_format: u32,
    /// How often to poll when the operator does not say.
    pub default_interval: Nanos,
    /// Polling more often than this does harm.
    pub minimum_interval: Nanos,
}

/// Something wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// JSON Pointer to the offending place.
    pub pointer: String,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

/// What a configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The origins that calls will contact.
    pub origins: Vec<String>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Issue>,
}

/// What the host must do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It may pass: call again.
    Retry,
    /// The upstream refused: a person must act there.
    Denied,
    /// The configuration cannot work.
    InvalidConfig,
    /// The cursor is newer or damaged.
    InvalidCursor,
    /// A defect of this source.
    Broken,
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
    Replace(Vec<u8>),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What the host must do.
    pub fault: Fault,
    /// A stable dotted word, for example `azure.throttled`.
    pub code: &'static str,
    /// One sentence, safe to print.
    pub message: String,
    /// What a person should do.
    pub hint: Option<String>,
    /// No further call for this partition before this much time has passed.
    pub retry_after: Option<Nanos>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// What the call counted.
    pub measures: Vec<Measure>,
}

/// Whether a measure is added up or replaces its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasureKind {
    /// An amount that occurred in this call.
    Counter,
    /// The current value.
    Gauge,
}

/// One number about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The name, from the table in the contract.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: MeasureKind,
    /// Tells measures of one name apart.
    pub label: String,
    /// The number.
    pub value: u64,
}

/// What is true of an event, or of every event of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, that of the semantic conventions of OpenTelemetry.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// One stream that can be read on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its stable name.
    pub id: String,
    /// Names that earlier versions gave it.
    pub formerly: Vec<String>,
    /// A name for people.
    pub title: String,
    /// What is true of every event of it.
    pub attributes: Vec<Attribute>,
    /// Why it cannot be read at present.
    pub unavailable: Option<String>,
}

/// What a configuration finds upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Every partition, once.
    pub partitions: Vec<PartitionInfo>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// Numbers about the call.
    pub measures: Vec<Measure>,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was found, in one sentence.
    pub summary: String,
    /// What deserves a look although the test passed.
    pub warnings: Vec<String>,
    /// What becomes of the session.
    pub session: SessionChange,
}

/// How much a poll may return, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most events and rejected items together.
    pub max_events: u32,
    /// Most bytes of bodies and raw bytes together.
    pub max_bytes: u64,
    /// Time from the start of the call within which it returns.
    pub deadline: Nanos,
}

/// What to poll, and from where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The configuration as JSON text.
    pub config: String,
    /// The partition to read.
    pub partition: String,
    /// The last stored cursor.
    pub cursor: Option<Vec<u8>>,
    /// The source's session.
    pub session: Option<Vec<u8>>,
    /// The limits of this call.
    pub budget: Budget,
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where this stretch of reading began.
    pub start: Timestamp,
    /// Everything before this instant has been read.
    pub position: Timestamp,
    /// Where it would be caught up.
    pub target: Timestamp,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events.
    pub events: Vec<Event>,
    /// What could not be made an event.
    pub rejected: Vec<Rejected>,
    /// Covers exactly this batch and those before it.
    pub cursor: Vec<u8>,
    /// What becomes of the session.
    pub session: SessionChange,
    /// None = wait the interval, 0 = more is ready now, n = not before.
    pub next_in: Option<Nanos>,
    /// Nothing more was ready when the poll ended.
    pub caught_up: bool,
    /// How far reading has come, where time says something about that.
    pub progress: Option<Progress>,
    /// Numbers about the call.
    pub measures: Vec<Measure>,
}

/// One record, ready for a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The upstream's identity of the record, unique within its partition.
    pub id: String,
    /// When it happened; none when the record does not say.
    pub time: Option<Timestamp>,
    /// OpenTelemetry SeverityNumber, 1 to 24; 0 when unknown.
    pub severity: u8,
    /// What is true of this event and not of its whole partition.
    pub attributes: Vec<Attribute>,
    /// One JSON object on one line.
    pub body: String,
}

/// Something read that could not be made an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its identity, if that much could be read.
    pub id: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// The bytes as received.
    pub raw: Vec<u8>,
}
