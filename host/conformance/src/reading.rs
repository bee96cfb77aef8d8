//! Reading a partition from a cursor to its end, batch by batch.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater::component::Instance;
use headwater::component::raw::{Batch, Budget, Error, Request, Session};

use super::check::Check;
use super::harness::{Harness, Setting};
use super::inspect;

/// Bytes that a batch may hold in an examination.
pub(super) const BATCH_BYTES: u64 = 8 << 20;
/// Events in a batch: few, so that even a quiet upstream fills several.
pub(super) const SMALL_BATCH: u32 = 25;
/// Polls of one reading. An upstream that holds more is examined in part.
pub(super) const MOST_POLLS: usize = 40;
/// Letters of a cursor that are shown.
const SHOWN: usize = 40;

/// One source as it is configured, with a recorded upstream.
pub(super) struct SourceUnderTest<'a> {
    pub(super) harness: &'a Harness<'a>,
    pub(super) setting: Setting,
    /// The configuration as JSON.
    pub(super) config: String,
}

/// A poll and what it brought.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Where it began.
    pub(super) cursor: Option<Vec<u8>>,
    /// The session it was given.
    pub(super) session: Option<Session>,
    pub(super) batch: Batch,
}

/// A partition read from some cursor on.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) partition: String,
    pub(super) steps: Vec<Step>,
    /// Whether it came to the end, or only to its bound.
    pub(super) complete: bool,
}

/// Why a poll brought nothing.
#[derive(Debug)]
pub(super) enum Stop {
    /// The source returned an error.
    Error(Error),
    /// The call crashed or never ended.
    Lost,
}

impl SourceUnderTest<'_> {
    /// The time that a call is told to take.
    pub(super) fn deadline(&self) -> Duration {
        // Less than the time after which it is interrupted, as a host does it.
        self.setting.surroundings.limits.poll_timeout.mul_f64(0.9)
    }

    /// What a poll asks for.
    pub(super) fn request(
        &self,
        partition: &str,
        (cursor, session): (Option<Vec<u8>>, Option<Session>),
        max_events: u32,
        max_bytes: u64,
    ) -> Request {
        Request {
            config: self.config.clone(),
            partition: partition.to_owned(),
            cursor,
            session,
            budget: Budget {
                max_events,
                max_bytes,
                deadline: self.deadline(),
            },
        }
    }

    /// One poll in an instance.
    pub(super) async fn poll_in(
        &self,
        instance: &mut Instance,
        setting: &Setting,
        request: &Request,
    ) -> Result<Batch, Stop> {
        let what = format!(
            "the poll of {} {}",
            request.partition,
            place(request.cursor.as_deref())
        );
        let polled = instance.poll(request.clone()).await;
        let polled = self.harness.returned(setting, &what, instance, polled);
        let polled = polled.ok_or(Stop::Lost)?;
        inspect::polled(self.harness, setting, &what, request, &polled);
        polled.map_err(Stop::Error)
    }

    /// One poll in an instance of its own, and how many requests it sent.
    pub(super) async fn poll(
        &self,
        setting: &Setting,
        partition: &str,
        from: (Option<Vec<u8>>, Option<Session>),
        max_events: u32,
        max_bytes: u64,
    ) -> Result<(Batch, u32), Stop> {
        let request = self.request(partition, from, max_events, max_bytes);
        let mut instance = self.harness.instance(setting);
        let batch = self.poll_in(&mut instance, setting, &request).await?;
        Ok((batch, instance.usage().traffic.requests))
    }

    /// One poll with an ordinary budget.
    pub(super) async fn step(
        &self,
        partition: &str,
        cursor: Option<Vec<u8>>,
        session: Option<Session>,
        max_events: u32,
    ) -> Result<Step, Stop> {
        let from = (cursor.clone(), session.clone());
        let (batch, _) = self
            .poll(&self.setting, partition, from, max_events, BATCH_BYTES)
            .await?;
        Ok(Step {
            cursor,
            session,
            batch,
        })
    }

    /// Polls until the source has caught up, at most `most` times, as a host does: each cursor goes into the next poll.
    pub(super) async fn read(
        &self,
        partition: &str,
        mut cursor: Option<Vec<u8>>,
        mut session: Option<Session>,
        max_events: u32,
        most: usize,
    ) -> Result<Reading, Stop> {
        let mut reading = Reading {
            partition: partition.to_owned(),
            steps: Vec::new(),
            complete: false,
        };
        while !reading.complete && reading.steps.len() < most {
            let step = self.step(partition, cursor, session, max_events).await?;
            reading.complete = step.batch.caught_up;
            cursor = Some(step.batch.cursor.clone());
            session = step.batch.session.apply(step.session.clone());
            reading.steps.push(step);
        }
        Ok(reading)
    }

    /// Notes that a poll failed where it must not.
    pub(super) fn stopped(&self, check: Check, place: &str, stop: &Stop) {
        match stop {
            Stop::Error(error) => self.harness.expect(check, false, || {
                format!("{place}: {} [{}]", error.message, error.code)
            }),
            // Noted as what it is, by the call.
            Stop::Lost => self.harness.skip(check, format!("{place} did not return")),
        }
    }
}

impl Reading {
    /// Ids of events and rejected items from a step on, with how often each came.
    pub(super) fn ids_from(&self, step: usize) -> BTreeMap<String, usize> {
        count(self.steps.iter().skip(step).map(|step| &step.batch))
    }

    /// Up to `most` numbers of steps, spread over the reading.
    pub(super) fn samples(&self, most: usize) -> Vec<usize> {
        let last = self.steps.len().saturating_sub(1);
        let mut samples: Vec<usize> = (0..most)
            .map(|sample| sample * last / most.saturating_sub(1).max(1))
            .collect();
        samples.dedup();
        samples
    }
}

/// What batches hold, by id, with how often each came. A rejected item without an id counts as its bytes.
pub(super) fn count<'a>(batches: impl Iterator<Item = &'a Batch>) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for batch in batches {
        let rejected = batch.rejected.iter().map(|item| {
            item.id
                .clone()
                .unwrap_or_else(|| String::from_utf8_lossy(&item.raw).into_owned())
        });
        for id in batch.events.iter().map(|event| event.id.clone()).chain(rejected) {
            *ids.entry(id).or_default() += 1;
        }
    }
    ids
}

/// A cursor for people: its first line, or that there is none.
pub(super) fn place(cursor: Option<&[u8]>) -> String {
    let Some(cursor) = cursor else {
        return "from the start".to_owned();
    };
    let text = String::from_utf8_lossy(cursor);
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    format!(
        "from \"{shown}{}\"",
        if shown.len() < line.len() { "…" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use headwater::component::raw::SessionChange;

    use super::*;

    #[test]
    fn samples_begin_at_the_first_step_and_end_at_the_last() {
        let step = Step {
            cursor: None,
            session: None,
            batch: Batch {
                events: Vec::new(),
                rejected: Vec::new(),
                cursor: b"1 x".to_vec(),
                session: SessionChange::Keep,
                next_in: None,
                caught_up: true,
                progress: None,
                measures: Vec::new(),
            },
        };
        for (steps, samples) in [(1, vec![0]), (3, vec![0, 1, 2]), (40, vec![0, 13, 26, 39])] {
            let reading = Reading {
                partition: String::new(),
                steps: vec![step.clone(); steps],
                complete: true,
            };
            assert_eq!(reading.samples(4), samples, "{steps}");
        }
    }
}
