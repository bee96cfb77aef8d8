//! What the tests of reading laws share: random records and polls, and a life that goes on until even the latest record is past
//! its look-back.

use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::prelude::*;

pub const SECOND: u64 = 1_000_000_000;
pub const MINUTE: u64 = 60 * SECOND;
/// Between polls where nothing else is asked for.
const INTERVAL: u64 = 5 * MINUTE;

/// Some time passes, then one poll.
#[derive(Debug, Clone)]
pub struct Step<M> {
    pub seconds: u32,
    pub max_events: u32,
    pub max_bytes: u64,
    /// The host crashed before the commit: the session is gone, the old cursor is polled again.
    pub is_lost: bool,
    pub mishaps: Vec<Option<M>>,
}

impl<M> Step<M> {
    /// A poll at which nothing goes wrong.
    fn calm() -> Self {
        Self {
            seconds: 0,
            max_events: 200,
            max_bytes: 1 << 20,
            is_lost: false,
            mishaps: Vec::new(),
        }
    }
}

/// The host's side of a source: what is stored, and what was delivered under the stored cursor.
pub trait Host {
    type Mishap;
    /// More polls in a row mean that reading goes round in a circle.
    const MOST_POLLS_IN_A_ROW: usize;

    /// The upstream's clock.
    fn now(&mut self) -> &mut u64;

    /// Polls once. How long to wait for the next poll; none for the interval.
    fn poll(&mut self, step: &Step<Self::Mishap>) -> Result<Option<u64>, TestCaseError>;

    /// Time passes, and a poll.
    fn live(&mut self, step: &Step<Self::Mishap>) -> Result<(), TestCaseError> {
        *self.now() += u64::from(step.seconds) * SECOND;
        let wait = self.poll(step)?;
        *self.now() += wait.unwrap_or(0);
        Ok(())
    }

    /// A calm end: every record becomes readable, and is then read at its oldest age.
    fn calm_down(&mut self, end: u64) -> Result<(), TestCaseError> {
        let mut in_a_row = 0;
        while *self.now() < end {
            let wait = self.poll(&Step::calm())?;
            *self.now() += wait.unwrap_or(INTERVAL);
            in_a_row = wait.map_or(0, |_| in_a_row + 1);
            prop_assert!(
                in_a_row < Self::MOST_POLLS_IN_A_ROW,
                "the source never catches up"
            );
        }
        Ok(())
    }
}

/// When the records of a log happen and become readable, by their numbers: what [`records`] made, with no delay beyond `late`.
pub fn times(begin: u64, records: &[(u32, u32)], late: u64) -> Vec<(u32, u64, u64)> {
    let numbered = (0..).zip(records);
    let times = numbered.map(|(number, (after, late_by))| {
        let time = begin + u64::from(*after) * SECOND;
        (number, time, time + u64::from(*late_by) * SECOND % (late + 1))
    });
    times.collect()
}

/// Everything was delivered, and nothing else.
pub fn judge(delivered: &BTreeSet<String>, expected: &BTreeSet<String>) -> Result<(), TestCaseError> {
    let lost: Vec<&String> = expected.difference(delivered).collect();
    prop_assert!(lost.is_empty(), "lost: {lost:?}");
    prop_assert_eq!(delivered, expected);
    Ok(())
}

/// Records: seconds after the beginning of the log, and seconds late.
pub fn records(most: usize) -> impl Strategy<Value = Vec<(u32, u32)>> {
    let record = (
        prop_oneof![1 => 0..600_u32, 1 => 0..14_400_u32],
        prop_oneof![1 => Just(0), 1 => 0..4_000_u32],
    );
    prop::collection::vec(record, 0..most)
}

/// Polls, some of which go wrong.
pub fn steps<M: Debug + Clone + 'static>(
    mishap: impl Strategy<Value = Option<M>> + 'static,
) -> impl Strategy<Value = Vec<Step<M>>> {
    let seconds = prop_oneof![4 => 0..600_u32, 1 => 600..20_000_u32];
    let max_events = prop_oneof![1 => 1..4_u32, 1 => 4..100_u32];
    let max_bytes = prop_oneof![1 => 1..5_000_u64, 3 => Just(1 << 20)];
    let mishaps = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(mishap, 0..8)];
    let step = (seconds, max_events, max_bytes, prop::bool::weighted(0.2), mishaps).prop_map(
        |(seconds, max_events, max_bytes, is_lost, mishaps)| Step {
            seconds,
            max_events,
            max_bytes,
            is_lost,
            mishaps,
        },
    );
    prop::collection::vec(step, 0..25)
}

/// So many histories, or as many as `PROPTEST_CASES` says.
pub fn config(usual: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(usual),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
