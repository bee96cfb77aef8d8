//! What is handed to a sink, and what it says about it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;

use crate::model::{Attribute, Event, event_key};
use crate::redact::Redactor;

/// Events on their way to a sink, and where they come from.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The name of the source in the configuration.
    pub source: &'a str,
    /// The partition that the events were read from.
    pub partition: &'a str,
    /// What is true of each event of the partition.
    pub attributes: &'a [Attribute],
    /// The events, in the order in which they were read.
    pub events: &'a [Event],
    /// How many events of the same batch were settled by earlier deliveries.
    pub settled: usize,
    /// Removes the secrets of the source from what a receiver says: it may quote an event that holds one.
    pub redactor: &'a Redactor,
}

/// A delivery in progress.
pub type DeliverFuture<'a> = Pin<Box<dyn Future<Output = Result<Accepted, Undelivered>> + Send + 'a>>;

/// Every event is settled: it is safe, or it was refused permanently.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that the sink will never take: their place in the delivery, and why.
    pub refused: Vec<(usize, String)>,
}

/// Some events are not settled and have to be sent again.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct Undelivered {
    /// The places of these events, in ascending order.
    pub remaining: Vec<usize>,
    /// Events that the sink will never take, as in [`Accepted`].
    pub refused: Vec<(usize, String)>,
    /// What is in the way of the others.
    pub error: SinkError,
}

/// Why events are not settled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The sink may take them later.
    #[error("{reason}")]
    Unavailable {
        /// What is in the way.
        reason: String,
        /// Not before this much time has passed, if the receiver says so.
        retry_after: Option<Duration>,
    },
    /// The receiver answers that it will not take them, but it is the receiver that seems to be at fault: it refuses
    /// everything, or now this event and now that.
    #[error("{reason}")]
    Refused {
        /// What the receiver says.
        reason: String,
    },
    /// Nobody will ever take events there again in the life of this process.
    #[error("{0}")]
    Gone(String),
}

impl Delivery<'_> {
    /// The key that a receiver is to know the event by, see [`event_key`].
    pub fn key(&self, event: &Event) -> String {
        event_key(self.source, self.partition, &event.id)
    }
}

impl Undelivered {
    /// No event of a delivery of `count` events is settled.
    pub fn all(count: usize, error: SinkError) -> Self {
        Self {
            remaining: (0..count).collect(),
            refused: Vec::new(),
            error,
        }
    }
}

impl SinkError {
    /// The sink is unavailable at present, for this reason.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }
}
