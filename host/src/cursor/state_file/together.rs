//! Commits that wait for the thread are written in one transaction: the disk is asked once, however many partitions wait.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::tables::{self, Sealed};
use super::{StateError, Store};

/// Commits that nobody has begun to write.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Asked>>);

/// What becomes of a commit.
pub(super) type Answer = oneshot::Receiver<Result<(), StateError>>;

#[derive(Debug)]
struct Asked {
    entry: Sealed,
    answer: oneshot::Sender<Result<(), StateError>>,
}

impl Waiting {
    /// Adds a commit; the answer comes when the thread has written what waits.
    pub(super) fn add(&self, entry: Sealed) -> Answer {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.lock();
        // While the disk hangs nobody writes, and those who have given up ask again.
        if waiting.len() == waiting.capacity() {
            waiting.retain(|asked| !asked.answer.is_closed());
        }
        waiting.push(Asked { entry, answer });
        answered
    }

    /// Writes all that waits and answers. What nobody waits for any more is not written.
    pub(super) fn write(&self, store: &mut Store) {
        let mut asked = std::mem::take(&mut *self.lock());
        asked.retain(|asked| !asked.answer.is_closed());
        let (entries, answers): (Vec<_>, Vec<_>) =
            asked.into_iter().map(|asked| (asked.entry, asked.answer)).unzip();
        if entries.is_empty() {
            return;
        }
        if store.with(|database| tables::commit(database, &entries)).is_ok() {
            for answer in answers {
                let _ = answer.send(Ok(()));
            }
            return;
        }
        // Nothing of it counts. Each alone, so that what is wrong with one is not the error of all.
        for (entry, answer) in entries.iter().zip(answers) {
            let _ = answer.send(store.with(|database| tables::commit(database, std::slice::from_ref(entry))));
        }
    }

    /// Commits that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.lock().len()
    }

    /// Each change is complete in itself.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
