//! Which partitions of a source are known, and which of them are not listed any more.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{info, warn};

use super::observer::Gone;
use crate::model::{MOST_PARTITIONS, PartitionInfo};

/// Partitions of a source that are remembered when they are not listed any more, those that are listed included.
const MOST_KNOWN: usize = 2 * MOST_PARTITIONS;
/// How often operators are reminded of a partition that is gone.
const REMINDER: Duration = Duration::from_secs(60 * 60);

/// The partitions that a source has or had.
#[derive(Debug, Default)]
pub(super) struct KnownPartitions {
    /// Those that were read, now or before the last restart, by id; with their title where it is known.
    known: BTreeMap<String, String>,
    /// Whether the store has said what was read before.
    is_complete: bool,
    /// Those of them that are not listed any more.
    gone: BTreeMap<String, Absence>,
    /// What could not be read at the last look, and why.
    unavailable: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Absence {
    /// When it was noticed, for people.
    since: String,
    /// When operators were last told.
    told: Option<Instant>,
}

impl KnownPartitions {
    /// Whether it is known what was read before.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Learns what was read before.
    pub(super) fn recall(&mut self, stored: Vec<String>) {
        for id in stored {
            self.known.entry(id).or_default();
        }
        self.is_complete = true;
    }

    /// Notes what is listed now. Returns what was known and is not listed, and tells operators: something that was watched is not
    /// watched now, which somebody may have wanted.
    pub(super) fn note(&mut self, listed: &[PartitionInfo]) -> Vec<Gone> {
        self.note_unavailable(listed);
        // Known by another name from now on.
        for name in listed.iter().flat_map(|info| &info.formerly) {
            self.known.remove(name);
            self.gone.remove(name);
        }
        let listed: BTreeMap<&str, &str> = listed
            .iter()
            .map(|info| (info.id.as_str(), info.title.as_str()))
            .collect();
        self.gone.retain(|id, _| {
            let is_back = listed.contains_key(id.as_str());
            if is_back {
                info!(partition = id, "listed again");
            }
            !is_back
        });
        let mut gone = Vec::new();
        let known = &mut self.known;
        for (id, title) in known.iter().filter(|(id, _)| !listed.contains_key(id.as_str())) {
            let now = Instant::now();
            let absence = self.gone.entry(id.clone()).or_insert_with(|| Absence {
                since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
                told: None,
            });
            let reason = format!(
                "gone since {}: not listed any more; it was deleted, or this source has lost its access to it, or the \
                 configuration excludes it now; its cursor is kept",
                absence.since
            );
            if absence.told.is_none_or(|told| now - told >= REMINDER) {
                absence.told = Some(now);
                warn!(partition = id, title, "{reason}");
            }
            gone.push(Gone {
                id: id.clone(),
                title: title.clone(),
                reason,
            });
        }
        for (id, title) in listed {
            // A plugin that invents other names at every look must not fill the memory with those that are gone.
            if known.len() < MOST_KNOWN || known.contains_key(id) {
                known.insert(id.to_owned(), title.to_owned());
            }
        }
        gone
    }

    /// Tells operators about what cannot be read, unless that has been said.
    fn note_unavailable(&mut self, listed: &[PartitionInfo]) {
        let before = std::mem::take(&mut self.unavailable);
        for info in listed {
            let Some(reason) = &info.unavailable else { continue };
            if before.get(&info.id) != Some(reason) {
                warn!(
                    partition = info.id,
                    title = info.title,
                    "cannot be read at present: {reason}"
                );
            }
            self.unavailable.insert(info.id.clone(), reason.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_could_not_say_what_was_read_before_is_asked_again() {
        let mut known = KnownPartitions::default();
        let listed = |id: &str| PartitionInfo {
            id: id.to_owned(),
            formerly: vec![format!("old-{id}")],
            title: format!("The {id}"),
            attributes: Vec::new(),
            unavailable: None,
        };
        assert!(known.note(&[listed("a")]).is_empty());
        assert!(!known.is_complete(), "nobody has said it");
        known.recall(["a", "b", "old-a"].map(str::to_owned).to_vec());
        assert!(known.is_complete());
        let gone: Vec<String> = known
            .note(&[listed("a")])
            .into_iter()
            .map(|gone| gone.id)
            .collect();
        assert_eq!(gone, ["b"], "one that has another name now is not gone");
        let gone = known.note(&[]);
        let gone: Vec<(&str, &str)> = gone
            .iter()
            .map(|gone| (gone.id.as_str(), gone.title.as_str()))
            .collect();
        assert_eq!(gone, [("a", "The a"), ("b", "")], "titles that are known stay");
    }
}
