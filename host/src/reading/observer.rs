//! Telling whoever wants to know how reading goes.

use std::fmt;
use std::mem::size_of;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::component::Usage;
use crate::model::{Failure, Measure, PartitionInfo, Progress, Totals};

/// Memory that notices may take while the observer has not taken them.
const MOST_BYTES: usize = 64 << 20;

/// Hears how reading goes: for metrics, for a status page, for a progress bar.
///
/// Called on a thread of its own, one notice after the other. An observer that blocks holds up nothing but its notices:
/// when more than 64 MiB of them wait, further ones are left out and counted ([`Notice::Missed`]).
pub trait Observer: Send + 'static {
    /// Something has happened to a source.
    fn notice(&mut self, source: &str, notice: Notice);
}

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Discovery has found the partitions of a source.
    Found {
        /// Those that are listed, readable or not.
        partitions: Vec<PartitionInfo>,
        /// Those that were read before and are not listed any more. Their cursors are kept.
        gone: Vec<Gone>,
    },
    /// A plugin was called for a batch, whatever came of it.
    Polled {
        /// The partition.
        partition: Arc<str>,
        /// What the call used.
        usage: Usage,
        /// From start to end.
        took: Duration,
        /// Whether there was a batch.
        succeeded: bool,
        /// The plugin's numbers about a call that it ended with an error; those of a batch come when it is committed.
        measures: Vec<Measure>,
    },
    /// A batch was acknowledged and its cursor stored.
    Committed {
        /// The partition.
        partition: Arc<str>,
        /// What was in the batch.
        totals: Totals,
        /// Bytes of the bodies of its events, those aside that were refused.
        bytes: u64,
        /// Time of its newest event, in nanoseconds since 1970; 0 when it had none.
        newest: u64,
        /// Whether there is nothing more to read at present.
        caught_up: bool,
        /// How far reading has come, if the plugin says.
        progress: Option<Progress>,
        /// The plugin's numbers.
        measures: Vec<Measure>,
    },
    /// A partition, or the source as a whole, makes no progress.
    Failed {
        /// The partition; none for the whole source.
        partition: Option<Arc<str>>,
        /// Why.
        failure: Failure,
    },
    /// A partition is not read any more.
    Ended {
        /// The partition.
        partition: Arc<str>,
    },
    /// The source has ended: nothing more will come of what it reads.
    Over {
        /// Why.
        failure: Failure,
    },
    /// So many notices were left out, because the observer did not take them.
    Missed(u64),
}

/// A partition that was read before and is not listed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its name.
    pub id: String,
    /// Its name for people, if it is known.
    pub title: String,
    /// Since when, and what that may mean, in one sentence.
    pub reason: String,
}

/// Hands notices to an observer. Clones hand them to the same one.
#[derive(Clone, Default)]
pub(crate) struct Notices(Option<Arc<Queue>>);

struct Queue {
    sender: mpsc::Sender<Entry>,
    waiting: Arc<AtomicUsize>,
    missed: AtomicU64,
}

struct Entry {
    source: Arc<str>,
    notice: Notice,
    bytes: usize,
}

impl Notices {
    /// Begins to hand notices to an observer, on a thread that ends with the last clone. Without a thread nothing is handed over.
    pub(crate) fn to(mut observer: impl Observer) -> Self {
        let (sender, receiver) = mpsc::channel::<Entry>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = waiting.clone();
        let work = move || {
            for Entry {
                source,
                notice,
                bytes,
            } in receiver
            {
                observer.notice(&source, notice);
                taken.fetch_sub(bytes, Ordering::Relaxed);
            }
        };
        let thread = thread::Builder::new().name("observer".to_owned()).spawn(work);
        match thread {
            Ok(_) => Self(Some(Arc::new(Queue {
                sender,
                waiting,
                missed: AtomicU64::new(0),
            }))),
            Err(error) => {
                warn!(%error, "cannot start a thread for the observer; it will hear nothing");
                Self(None)
            }
        }
    }

    /// Hands a notice over. Never waits.
    pub(crate) fn send(&self, source: &Arc<str>, notice: Notice) {
        let Some(queue) = &self.0 else { return };
        if queue.waiting.load(Ordering::Relaxed) > MOST_BYTES {
            queue.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let missed = queue.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            queue.push(source, Notice::Missed(missed));
        }
        queue.push(source, notice);
    }
}

impl Queue {
    fn push(&self, source: &Arc<str>, notice: Notice) {
        let bytes = notice.size();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let entry = Entry {
            source: source.clone(),
            notice,
            bytes,
        };
        // An observer that panicked hears nothing any more; that is its own affair.
        if self.sender.send(entry).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Notice {
    /// About the memory that it takes, in bytes.
    fn size(&self) -> usize {
        let text = |failure: &Failure| {
            failure.message.len() + failure.code.len() + failure.hint.as_ref().map_or(0, String::len)
        };
        let numbers = |measures: &[Measure]| -> usize {
            let sizes = measures
                .iter()
                .map(|measure| size_of::<Measure>() + measure.name.len() + measure.label.len());
            sizes.sum()
        };
        size_of::<Entry>()
            + match self {
                Self::Found { partitions, gone } => {
                    let listed = partitions.iter().map(|info| {
                        let reason = info.unavailable.as_ref().map_or(0, String::len);
                        let former: usize = info.formerly.iter().map(String::len).sum();
                        let attributes = info.attributes.iter();
                        let attributes: usize = attributes
                            .map(|attribute| attribute.name.len() + attribute.value.len())
                            .sum();
                        size_of::<PartitionInfo>()
                            + info.id.len()
                            + info.title.len()
                            + reason
                            + former
                            + attributes
                    });
                    let gone = gone
                        .iter()
                        .map(|gone| size_of::<Gone>() + gone.id.len() + gone.title.len() + gone.reason.len());
                    listed.chain(gone).sum()
                }
                Self::Polled { usage, measures, .. } => usage.traffic.answers.len() * 128 + numbers(measures),
                Self::Committed { measures, .. } => numbers(measures),
                Self::Failed { failure, .. } | Self::Over { failure } => text(failure),
                Self::Ended { .. } | Self::Missed(_) => 0,
            }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Notices").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fault;

    struct Forward(mpsc::Receiver<()>, mpsc::Sender<Notice>);

    impl Observer for Forward {
        fn notice(&mut self, _: &str, notice: Notice) {
            let _ = self.0.recv();
            let _ = self.1.send(notice);
        }
    }

    #[test]
    fn an_observer_that_blocks_holds_up_nobody_and_hears_how_much_it_missed() {
        let (go_on, gate) = mpsc::channel();
        let (sender, heard) = mpsc::channel();
        let notices = Notices::to(Forward(gate, sender));
        let source: Arc<str> = "contoso".into();
        let failure = Failure::host(Fault::Retry, "x", "x".repeat(1 << 20));
        let failed = || Notice::Failed {
            partition: None,
            failure: failure.clone(),
        };
        let many = 100;
        for _ in 0..many {
            notices.send(&source, failed());
        }
        let taken = (MOST_BYTES >> 20) as u64;
        for _ in 0..taken {
            go_on.send(()).unwrap();
            assert!(matches!(heard.recv().unwrap(), Notice::Failed { .. }));
        }
        notices.send(
            &source,
            Notice::Ended {
                partition: "p".into(),
            },
        );
        drop(go_on);
        let rest: Vec<Notice> = heard.iter().take(2).collect();
        assert!(
            matches!(rest[..], [Notice::Missed(missed), Notice::Ended { .. }] if missed + taken == many),
            "{rest:?}"
        );
    }
}
