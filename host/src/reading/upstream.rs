//! What is read: a plugin in its sandbox, or a script in tests.

use std::future::Future;
use std::time::Duration;

use crate::component::{Fetched, Usage};
use crate::model::{Failure, Measure, PartitionInfo};
use crate::redact::Redactor;
use crate::work::fair_slots::Slot;

/// A source, as reading sees it.
pub(crate) trait Upstream: Send + Sync + 'static {
    /// What a poll needs that can fail before anything is sent: the configuration with its secrets.
    type Prepared: Send;

    /// The source's name.
    fn name(&self) -> &str;

    /// Name and version of its plugin.
    fn plugin(&self) -> &str;

    /// How often its partitions are polled.
    fn interval(&self) -> Duration;

    /// Finds the partitions.
    fn discover(&self) -> impl Future<Output = Result<Vec<PartitionInfo>, Failure>> + Send;

    /// Makes ready for a poll.
    fn prepare(&self) -> impl Future<Output = Result<Self::Prepared, Failure>> + Send;

    /// Fetches what comes after a cursor; none stands for the beginning.
    fn poll(
        &self,
        prepared: Self::Prepared,
        partition: &str,
        cursor: Option<Vec<u8>>,
    ) -> impl Future<Output = Polled> + Send;
}

/// What a poll brought, and what it cost.
pub(crate) struct Polled {
    /// The batch, or why there is none.
    pub(crate) result: Result<Fetched, Failure>,
    /// What the plugin counted in a call that it ended with an error.
    pub(crate) measures: Vec<Measure>,
    /// What the plugin used.
    pub(crate) usage: Usage,
    /// From start to end.
    pub(crate) took: Duration,
    /// Knows the secrets of the call.
    pub(crate) redactor: Redactor,
    /// The call's slot, kept until the memory of what it brought is accounted for: slots bound that memory, too.
    pub(crate) slot: Option<Slot>,
}
