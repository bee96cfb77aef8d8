//! What reading tells, entered into the state.

use super::{Away, Monitor, Stored};
use crate::model::PartitionInfo;
use crate::reading::{Gone, Notice, Observer};

impl Observer for Monitor {
    fn notice(&mut self, source: &str, notice: Notice) {
        if self.is_forgotten(source) {
            return;
        }
        match notice {
            Notice::Found { partitions, gone } => {
                let (titles, away) = sorted(partitions, gone);
                self.found(source, &titles, &away);
            }
            Notice::Polled {
                partition,
                usage,
                took,
                succeeded,
                measures,
            } => {
                self.called(source, &partition, &usage, took, succeeded);
                self.measured(source, &partition, &measures);
            }
            Notice::Committed {
                partition,
                totals,
                bytes,
                newest,
                caught_up,
                measures,
                progress: _,
            } => {
                let stored = Stored {
                    totals: &totals,
                    bytes,
                    newest,
                    caught_up,
                    measures: &measures,
                };
                self.stored(source, &partition, &stored);
            }
            Notice::Failed { partition, failure } => {
                self.failed(source, partition.as_deref().unwrap_or_default(), &failure);
            }
            Notice::Over { failure } => self.ended(source, &failure),
            Notice::Ended { .. } | Notice::Missed(_) => {}
        }
    }
}

/// The partitions that are read, with their titles, and those that are not.
fn sorted(partitions: Vec<PartitionInfo>, gone: Vec<Gone>) -> (Vec<(String, String)>, Vec<Away>) {
    let mut titles = Vec::new();
    let mut away: Vec<Away> = gone
        .into_iter()
        .map(|Gone { id, title, reason }| Away {
            id,
            title,
            is_gone: true,
            reason,
        })
        .collect();
    for PartitionInfo {
        id,
        title,
        unavailable,
        ..
    } in partitions
    {
        match unavailable {
            None => titles.push((id, title)),
            Some(reason) => away.push(Away {
                id,
                title,
                is_gone: false,
                reason,
            }),
        }
    }
    (titles, away)
}
