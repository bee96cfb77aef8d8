//! The acknowledgement of a batch: from whoever has it to the partition that commits its cursor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::summary::Summary;
use crate::cursor::StoreError;

/// Why an acknowledgement did not take effect. The events of the batch may be delivered again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AckError {
    /// The reading that the batch belongs to has ended.
    #[error("the source is not read any more; its events will be delivered again when it is")]
    Closed,
    /// The cursor store has failed. The batch can be acknowledged again.
    #[error("{0}")]
    Store(#[source] StoreError),
}

/// One wish to commit, with what the batch came to.
pub(super) struct Request {
    pub(super) summary: Summary,
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The side of the partition.
#[derive(Debug)]
pub(super) struct Acks {
    requests: mpsc::Receiver<Request>,
    is_committed: Arc<AtomicBool>,
}

/// The side of the batch.
#[derive(Debug)]
pub(super) struct AckHandle {
    requests: mpsc::Sender<Request>,
    is_committed: Arc<AtomicBool>,
}

/// Both sides.
pub(super) fn channel() -> (AckHandle, Acks) {
    let (sender, requests) = mpsc::channel(1);
    let is_committed = Arc::new(AtomicBool::new(false));
    let handle = AckHandle {
        requests: sender,
        is_committed: is_committed.clone(),
    };
    (
        handle,
        Acks {
            requests,
            is_committed,
        },
    )
}

impl AckHandle {
    /// Has the cursor committed. Once that has succeeded, further calls change nothing.
    pub(super) async fn ack(&self, summary: Summary) -> Result<(), AckError> {
        let (answer, committed) = oneshot::channel();
        let sent = self.requests.send(Request { summary, answer }).await;
        let answer = match sent {
            Ok(()) => committed.await.ok(),
            Err(_) => None,
        };
        match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(AckError::Store(error)),
            None if self.is_committed.load(Ordering::Acquire) => Ok(()),
            None => Err(AckError::Closed),
        }
    }
}

impl Acks {
    /// The next wish to commit; none when the batch has been dropped.
    pub(super) async fn next(&mut self) -> Option<Request> {
        self.requests.recv().await
    }

    /// Notes that the cursor has been committed.
    pub(super) fn committed(&self) {
        self.is_committed.store(true, Ordering::Release);
    }
}
