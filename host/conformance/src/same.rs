//! Polls that must come to the same: again, without the session, in one instance, and with other partitions between.

use headwater::component::raw::{Batch, Request, Session};

use super::check::Check;
use super::reading::{BATCH_BYTES, Reading, SMALL_BATCH, SourceUnderTest, Step, Stop, place};

/// Polls of a reading that are made again.
const SAMPLES: usize = 6;
/// Polls in one instance.
const REUSES: usize = 3;
/// No session of any source.
const DAMAGED_SESSION: &[u8] = b"\xff\xfe no session";

/// Makes polls of a reading again: with the same session, without one, with a damaged one, and with the newest, as
/// after a delivery that failed.
pub(super) async fn again(source: &SourceUnderTest<'_>, reading: &Reading) {
    let newest = reading
        .steps
        .iter()
        .rev()
        .find_map(|step| step.batch.session.session().cloned());
    for sample in reading.samples(SAMPLES) {
        let step = &reading.steps[sample];
        for (check, session, how) in [
            (Check::Clock, step.session.clone(), "again"),
            (Check::SessionLoss, None, "without the session"),
            (
                Check::SessionLoss,
                Some(Session::from(DAMAGED_SESSION.to_vec())),
                "with a damaged session",
            ),
            (Check::SessionLoss, newest.clone(), "with a newer session"),
        ] {
            let polled = source
                .step(&reading.partition, step.cursor.clone(), session, SMALL_BATCH)
                .await;
            compare(
                source,
                check,
                &format!("{} {how}", label(reading, step)),
                &step.batch,
                polled.map(|step| step.batch),
            );
        }
    }
}

/// Makes the first polls of a reading in a single instance, the last one first: what an instance remembers would show.
pub(super) async fn in_one_instance(source: &SourceUnderTest<'_>, reading: &Reading) {
    let steps: Vec<&Step> = reading.steps.iter().take(REUSES).rev().collect();
    let requests: Vec<Request> = steps
        .iter()
        .map(|step| {
            let from = (step.cursor.clone(), step.session.clone());
            source.request(&reading.partition, from, SMALL_BATCH, BATCH_BYTES)
        })
        .collect();
    if requests.len() < 2 {
        let reason = format!(
            "{} fits into a single batch; a longer feed is needed",
            reading.partition
        );
        return source.harness.skip(Check::FreshInstance, reason);
    }
    let mut instance = source.harness.instance(&source.setting);
    for (step, request) in steps.into_iter().zip(&requests) {
        let what = format!("{} in a used instance", label(reading, step));
        let polled = source.poll_in(&mut instance, &source.setting, request).await;
        let lost = matches!(polled, Err(Stop::Lost));
        compare(source, Check::FreshInstance, &what, &step.batch, polled);
        if lost {
            return;
        }
    }
}

/// Reads partitions in turn, with one session that goes from hand to hand, and compares with each read alone.
pub(super) async fn in_turn(source: &SourceUnderTest<'_>, readings: &[Reading]) {
    if readings.len() < 2 {
        let reason = "the configuration has one readable partition; two are needed";
        return source.harness.skip(Check::Independence, reason);
    }
    let mut session = None;
    for turn in 0..SAMPLES {
        for reading in readings {
            let Some(step) = reading.steps.get(turn) else {
                continue;
            };
            let polled = source
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
                session = batch.session.apply(session);
            }
            compare(source, Check::Independence, &what, &step.batch, batch);
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
    source: &SourceUnderTest<'_>,
    check: Check,
    what: &str,
    expected: &Batch,
    polled: Result<Batch, Stop>,
) {
    match polled {
        Err(stop) => source.stopped(check, what, &stop),
        Ok(batch) => {
            let difference = difference(expected, &batch);
            source.harness.expect(check, difference.is_none(), || {
                format!("{what} brought other {}", difference.unwrap_or_default())
            });
        }
    }
}

/// What differs between two batches. Sessions may, and measures tell of requests, not of events.
fn difference(one: &Batch, other: &Batch) -> Option<&'static str> {
    if one.events != other.events {
        Some("events")
    } else if one.rejected != other.rejected {
        Some("rejected items")
    } else if one.cursor != other.cursor {
        Some("cursors")
    } else if one.next_in != other.next_in {
        Some("waiting times")
    } else if (one.caught_up, one.progress) != (other.caught_up, other.progress) {
        Some("progress")
    } else {
        None
    }
}
