//! What is failing at present, by source and partition.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use library::model::Failure;
use library::monitor::Monitor;
use library::reading::{Notice, Observer};

/// The failures of all sources. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<BTreeMap<String, Failures>>>);

/// By partition; the empty name is the source as a whole.
type Failures = BTreeMap<String, Failure>;

/// Hears how reading goes.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) monitor: Monitor,
    pub(crate) health: Health,
}

impl Health {
    /// Why a source, or first of all its partitions, makes no progress at present; none if all do. Names the partition, and how
    /// many more fail.
    pub(crate) fn failure(&self, source: &str) -> Option<Failure> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.get(source)?;
        let (partition, failure) = failures.first_key_value()?;
        let mut failure = failure.clone();
        if !partition.is_empty() {
            failure.message = format!("{partition}: {}", failure.message);
        }
        if failures.len() > 1 {
            failure.message = format!("{} (and {} more)", failure.message, failures.len() - 1);
        }
        Some(failure)
    }

    fn note(&self, source: &str, notice: &Notice) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.entry(source.to_owned()).or_default();
        match notice {
            Notice::Failed { partition, failure } => {
                let partition = partition.as_deref().unwrap_or_default();
                failures.insert(partition.to_owned(), failure.clone());
            }
            Notice::Over { failure } => {
                failures.insert(String::new(), failure.clone());
            }
            Notice::Committed { partition, .. } | Notice::Ended { partition } => {
                failures.remove(&**partition);
            }
            Notice::Found { .. } => {
                failures.remove("");
            }
            _ => {}
        }
    }
}

impl Observer for Watcher {
    fn notice(&mut self, source: &str, notice: Notice) {
        self.health.note(source, &notice);
        self.monitor.notice(source, notice);
    }
}

#[cfg(test)]
mod tests {
    use library::model::{Fault, Totals};

    use super::*;

    #[test]
    fn a_partition_fails_until_a_batch_of_it_is_committed() {
        let health = Health::default();
        let failed = |partition: Option<&str>, message: &str| Notice::Failed {
            partition: partition.map(Into::into),
            failure: Failure::host(Fault::Retry, "x", message),
        };
        let said = || health.failure("contoso").map(|failure| failure.message);
        assert_eq!(said(), None);
        health.note("contoso", &failed(Some("b"), "away"));
        health.note("contoso", &failed(Some("a"), "slow"));
        health.note("fabrikam", &failed(None, "of another"));
        assert_eq!(said().as_deref(), Some("a: slow (and 1 more)"));
        health.note("contoso", &failed(None, "no login"));
        assert_eq!(said().as_deref(), Some("no login (and 2 more)"));
        let found = Notice::Found {
            partitions: Vec::new(),
            gone: Vec::new(),
        };
        health.note("contoso", &found);
        let committed = Notice::Committed {
            partition: "a".into(),
            totals: Totals::default(),
            bytes: 0,
            newest: 0,
            caught_up: true,
            progress: None,
            measures: Vec::new(),
        };
        health.note("contoso", &committed);
        assert_eq!(said().as_deref(), Some("b: away"));
        health.note(
            "contoso",
            &Notice::Ended {
                partition: "b".into(),
            },
        );
        assert_eq!(said(), None);
    }
}
