//! Nothing is lost and nothing comes twice, wherever reading stops and goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater::model::Fault;

use super::check::Check;
use super::reading::{MOST_POLLS, Reading, SMALL_BATCH, SourceUnderTest, Stop, count, place};
use super::transport::InterruptedTransport;

/// Cursors of a reading from which it is read again.
const SAMPLES: usize = 6;
/// Places at which an upstream breaks off.
const BREAKS: u32 = 4;
/// A batch that holds what is left.
const LARGE_BATCH: u32 = 5_000;

/// Reads on from cursors of a reading, with other batches: what comes must be what came after them.
pub(super) async fn from_cursors(source: &SourceUnderTest<'_>, reading: &Reading) {
    if !reading.complete {
        return source.harness.skip(Check::Resume, incomplete(reading));
    }
    repetitions(source, reading);
    for sample in reading.samples(SAMPLES) {
        let step = &reading.steps[sample];
        let what = format!(
            "reading {} {} in large batches",
            reading.partition,
            place(step.cursor.as_deref())
        );
        let rest = source
            .read(
                &reading.partition,
                step.cursor.clone(),
                step.session.clone(),
                LARGE_BATCH,
                MOST_POLLS,
            )
            .await;
        match rest {
            Err(stop) => source.stopped(Check::Resume, &what, &stop),
            Ok(rest) => same_ids(
                source,
                Check::Resume,
                &what,
                &reading.ids_from(sample),
                &rest.ids_from(0),
            ),
        }
    }
}

/// An id stands for one event: a reading that never went back must not bring it twice.
fn repetitions(source: &SourceUnderTest<'_>, reading: &Reading) {
    let ids = reading.ids_from(0);
    let repeated = ids.iter().find(|(_, times)| **times > 1);
    source.harness.expect(Check::Resume, repeated.is_none(), || {
        let (id, times) = repeated
            .map(|(id, times)| (id.as_str(), *times))
            .unwrap_or_default();
        format!(
            "reading {} from the start brought \"{id}\" {times} times",
            reading.partition
        )
    });
}

/// Polls once more where there is nothing more: twice, because the first time may still clean up.
pub(super) async fn at_the_end(source: &SourceUnderTest<'_>, reading: &Reading) {
    let Some(last) = reading.steps.last().filter(|_| reading.complete) else {
        return source.harness.skip(Check::EmptyProgress, incomplete(reading));
    };
    let mut cursor = last.batch.cursor.clone();
    for _ in 0..2 {
        let what = format!("the poll of {} after the last event", reading.partition);
        match source
            .step(
                &reading.partition,
                Some(cursor.clone()),
                last.session.clone(),
                SMALL_BATCH,
            )
            .await
        {
            Err(stop) => return source.stopped(Check::EmptyProgress, &what, &stop),
            Ok(step) => {
                let brought = count(std::iter::once(&step.batch));
                source
                    .harness
                    .expect(Check::EmptyProgress, brought.is_empty(), || {
                        format!("{what} brought {} item(s) although nothing is new", brought.len())
                    });
                cursor = step.batch.cursor;
            }
        }
    }
}

/// Loses the connection after the first, the second, … request of the first poll, and reads on when it is back.
pub(super) async fn after_interruptions(source: &SourceUnderTest<'_>, reading: &Reading) {
    if !reading.complete {
        return source.harness.skip(Check::Interruption, incomplete(reading));
    }
    let partition = &reading.partition;
    let whole = source
        .poll(&source.setting, partition, (None, None), SMALL_BATCH, u64::MAX)
        .await;
    let requests = whole.map_or(0, |(_, requests)| requests);
    if requests == 0 {
        return source
            .harness
            .skip(Check::Interruption, "its polls send no requests");
    }
    for healthy in 0..requests.min(BREAKS) {
        let what = format!("the poll of {partition} that lost its connection after {healthy} request(s)");
        let mut setting = source.setting.clone();
        let network = setting.surroundings.transport.clone();
        setting.surroundings.transport = Arc::new(InterruptedTransport::after(healthy, network));
        match source
            .poll(&setting, partition, (None, None), SMALL_BATCH, u64::MAX)
            .await
        {
            Err(Stop::Error(error)) => {
                source
                    .harness
                    .expect(Check::Interruption, error.fault == Fault::Retry, || {
                        format!(
                            "{what} says `{}` [{}] where `retry` is right",
                            error.fault.as_str(),
                            error.code
                        )
                    });
            }
            Err(stop) => source.stopped(Check::Interruption, &what, &stop),
            Ok((batch, _)) => {
                let cursor = Some(batch.cursor.clone());
                let rest = match source
                    .read(partition, cursor, None, SMALL_BATCH, MOST_POLLS)
                    .await
                {
                    Err(stop) => return source.stopped(Check::Interruption, &what, &stop),
                    Ok(rest) => rest,
                };
                let batches = std::iter::once(&batch).chain(rest.steps.iter().map(|step| &step.batch));
                same_ids(
                    source,
                    Check::Interruption,
                    &what,
                    &reading.ids_from(0),
                    &count(batches),
                );
                let over = batch.caught_up && !rest.ids_from(0).is_empty();
                source.harness.expect(Check::Interruption, !over, || {
                    format!("{what} says that it has caught up, and more came after it")
                });
            }
        }
    }
}

fn same_ids(
    source: &SourceUnderTest<'_>,
    check: Check,
    what: &str,
    expected: &BTreeMap<String, usize>,
    found: &BTreeMap<String, usize>,
) {
    let missing: Vec<&String> = expected.keys().filter(|id| !found.contains_key(*id)).collect();
    source.harness.expect(check, missing.is_empty(), || {
        format!(
            "{what} lost {} event(s), for example \"{}\"",
            missing.len(),
            missing[0]
        )
    });
    let surplus: Vec<&String> = found
        .iter()
        .filter(|(id, times)| expected.get(*id) != Some(times))
        .map(|(id, _)| id)
        .collect();
    source.harness.expect(check, surplus.is_empty(), || {
        format!(
            "{what} brought {} event(s) that it must not bring, for example \"{}\"",
            surplus.len(),
            surplus[0]
        )
    });
}

fn incomplete(reading: &Reading) -> String {
    format!(
        "{} holds more than {} batches of {SMALL_BATCH}; configure a shorter stretch",
        reading.partition,
        reading.steps.len()
    )
}
