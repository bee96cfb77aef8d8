//! Polls that must come to the same: again, without the session, in one instance, and with other partitions between.

use super::check::Check;
use super::reading::{BATCH_BYTES, Reading, SMALL_BATCH, Step, Stop, Subject, place};
use crate::bindings::exports::headwater::source::source as wit;

/// Polls of a reading that are made again.
const SAMPLES: usize = 6;
/// Polls in one instance.
const REUSES: usize = 3;
/// No session of any source.
const DAMAGED_SESSION: &[u8] = b"\xff\xfe no session";

/// Makes polls of a reading again: with the same session, without one, with a damaged one, and with the newest, as
/// after a delivery that failed.
pub(super) async fn again(subject: &Subject<'_>, reading: &Reading) {
    let newest = reading
        .steps
        .iter()
        .rev()
        .find_map(|step| step.batch.session.clone());
    for sample in reading.samples(SAMPLES) {
        let step = &reading.steps[sample];
        for (check, session, how) in [
            (Check::Clock, step.session.clone(), "again"),
            (Check::SessionLoss, None, "without the session"),
            (
                Check::SessionLoss,
                Some(DAMAGED_SESSION.to_vec()),
                "with a damaged session",
            ),
            (Check::SessionLoss, newest.clone(), "with a newer session"),
        ] {
            let polled = subject
                .step(&reading.partition, step.cursor.clone(), session, SMALL_BATCH)
                .await;
            compare(
                subject,
                check,
                &format!("{} {how}", label(reading, step)),
                &step.batch,
                polled.map(|step| step.batch),
            );
        }
    }
}

/// Makes the first polls of a reading in a single instance, the last one first: what an instance remembers would show.
pub(super) async fn in_one_instance(subject: &Subject<'_>, reading: &Reading) {
    let steps: Vec<&Step> = reading.steps.iter().take(REUSES).rev().collect();
    let requests: Vec<wit::Request> = steps
        .iter()
        .map(|step| {
            let from = (step.cursor.clone(), step.session.clone());
            subject.request(&reading.partition, from, SMALL_BATCH, BATCH_BYTES)
        })
        .collect();
    if requests.len() < 2 {
        let reason = format!(
            "{} fits into a single batch; a longer feed is needed",
            reading.partition
        );
        return subject.lab.skip(Check::FreshInstance, reason);
    }
    let polls = subject
        .lab
        .call(&subject.world, "polling in one instance", move |source, store| {
            Box::pin(async move {
                let mut batches = Vec::new();
                for request in &requests {
                    batches.push(
                        source
                            .headwater_source_source()
                            .call_poll(&mut *store, request)
                            .await?,
                    );
                }
                Ok(batches)
            })
        });
    let Some((batches, _)) = polls.await else {
        return;
    };
    for (step, batch) in steps.into_iter().zip(batches) {
        let what = format!("{} in a used instance", label(reading, step));
        compare(
            subject,
            Check::FreshInstance,
            &what,
            &step.batch,
            batch.map_err(Stop::Error),
        );
    }
}

/// Reads partitions in turn, with one session that goes from hand to hand, and compares with each read alone.
pub(super) async fn in_turn(subject: &Subject<'_>, readings: &[Reading]) {
    if readings.len() < 2 {
        let reason = "the configuration has one readable partition; it takes two";
        return subject.lab.skip(Check::Independence, reason);
    }
    let mut session = None;
    for turn in 0..SAMPLES {
        for reading in readings {
            let Some(step) = reading.steps.get(turn) else {
                continue;
            };
            let polled = subject
                .step(
                    &reading.partition,
                    step.cursor.clone(),
                    session.clone(),
                    SMALL_BATCH,
                )
                .await;
            let what = format!("{} between those of others", label(reading, step));
            let batch = polled.map(|step| step.batch);
            if let Ok(batch) = &batch {
                session = batch.session.clone().or(session);
            }
            compare(subject, Check::Independence, &what, &step.batch, batch);
        }
    }
}

fn label(reading: &Reading, step: &Step) -> String {
    format!(
        "the poll of {} {}",
        reading.partition,
        place(step.cursor.as_deref())
    )
}

fn compare(
    subject: &Subject<'_>,
    check: Check,
    what: &str,
    expected: &wit::Batch,
    polled: Result<wit::Batch, Stop>,
) {
    match polled {
        Err(stop) => subject.stopped(check, what, &stop),
        Ok(batch) => {
            let difference = difference(expected, &batch);
            subject.lab.expect(check, difference.is_none(), || {
                format!("{what} brought other {}", difference.unwrap_or_default())
            });
        }
    }
}

/// What differs between two batches. Sessions may, and measures tell of requests, not of events.
fn difference(one: &wit::Batch, other: &wit::Batch) -> Option<&'static str> {
    if one.events != other.events {
        Some("events")
    } else if one.rejected != other.rejected {
        Some("rejected items")
    } else if one.cursor != other.cursor {
        Some("cursors")
    } else if one.next_in != other.next_in {
        Some("waiting times")
    } else if one.progress != other.progress {
        Some("progress")
    } else {
        None
    }
}
