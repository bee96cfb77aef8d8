//! Sources whose upstream is asked for stretches of time, and shows some records late.
//!
//! Such an upstream has no position that is safe to go on from: what happened before it may become readable afterwards. So
//! each poll reads again what the look-back covers, and recognises by their ids the records that it has delivered. The law
//! behind that is [`lookback`](crate::lookback)'s: whatever becomes readable within the look-back is delivered, and delivered
//! once for each cursor that the host keeps.

mod adapter;
mod cursor;
mod reader;
mod start;

pub use adapter::Timed;
pub use start::Start;

use crate::call::Call;
use crate::contract::{Event, Nanos, Timestamp};
use crate::failure::Failure;
use crate::lookback::Range;
use crate::source::Source;

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    /// Where a stream begins that was never read.
    pub start: Start,
    /// How long after its time a record may become readable.
    pub lookback: Nanos,
    /// The widest stretch of time that is asked for at once when there is much to catch up with.
    pub window: Nanos,
    /// How long the upstream keeps records: nothing older is asked for.
    pub retention: Nanos,
}

/// What to ask for: a stretch of time, or a further page of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The stretch, both ends included, in whole milliseconds.
    pub range: Range,
    /// The address of a further page, as [`Records::next`] had it; none for the first.
    pub link: Option<&'a str>,
}

/// A record as the upstream shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id, unique within the partition; none if it has none, in which case it is known by its text.
    pub id: Option<String>,
    /// When it happened, by the time that the upstream is asked for.
    pub time: Option<Timestamp>,
    /// Its text.
    pub raw: String,
}

/// One page of what was asked for, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// The records.
    pub records: Vec<Record>,
    /// The address of the next page, which has been judged ([`link::leads_to`](crate::link::leads_to)); none after the last.
    pub next: Option<String>,
}

/// A source that is asked for stretches of time. [`Timed`] makes a component of it:
/// `headwater_source::export!(component headwater_source::Timed<Mine>);`.
pub trait TimedSource: Source {
    /// How streams are read.
    fn law(config: &Self::Config) -> Law;

    /// Fetches one page. A refusal, or an answer that is something else, is an error and never a page without records.
    ///
    /// # Errors
    ///
    /// Why there is none. After a failure that a smaller request may avoid (`upstream.too_large`, `upstream.unavailable`,
    /// `upstream.odd_answer`, `upstream.cut_off`), and after one of a further page, less is asked for before the failure is the
    /// host's.
    fn fetch(
        config: &Self::Config,
        call: &mut Call<'_>,
        partition: &str,
        query: Query<'_>,
    ) -> Result<Records, Failure>;

    /// Makes an event of a record that was not delivered before.
    ///
    /// # Errors
    ///
    /// Why it cannot: the record is kept as it is, with this reason.
    fn event(config: &Self::Config, partition: &str, record: &Record) -> Result<Event, String>;
}
