//! Reading a source: discovery, schedule, polls, the batches that come of them, and the commit after each.

mod ack;
mod backoff;
mod batch;
mod batch_memory;
mod batches;
mod former;
mod known;
mod observer;
mod outage;
mod partition_task;
mod shared;
mod source_task;
mod summary;
mod trouble;
mod upstream;

pub use ack::AckError;
pub use backoff::Backoff;
pub use batch::Batch;
pub(crate) use batch_memory::BatchMemory;
pub use batches::{Batches, Stopper};
pub(crate) use observer::Notices;
pub use observer::{Gone, Notice, Observer};
pub use outage::Outage;
pub(crate) use shared::{Lane, Shared};
pub use source_task::Outcome;
pub(crate) use trouble::Until;
pub(crate) use upstream::{Polled, Upstream};

#[cfg(test)]
mod tests;
