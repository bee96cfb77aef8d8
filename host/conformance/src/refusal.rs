//! Cursors that a source must refuse, and budgets that it must keep.

use headwater::model::Fault;

use super::check::Check;
use super::reading::{Reading, SourceUnderTest, Stop};

/// Polls with each tiny budget.
const TINY_POLLS: usize = 3;

/// Polls with cursors of a newer format and with damaged ones; and looks at the version of those that came.
pub(super) async fn of_cursors(source: &SourceUnderTest<'_>, reading: &Reading, format: u32) {
    let Some(first) = reading.steps.first() else {
        return;
    };
    for step in &reading.steps {
        let version = version(&step.batch.cursor);
        source
            .harness
            .expect(Check::CursorFormat, version == Some(format), || {
                format!(
                    "{}: a cursor that does not begin with {format}, the version that `describe` names",
                    reading.partition
                )
            });
    }
    let real = &first.batch.cursor;
    let digits = real.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let newer = [format!("{}", u64::from(format) + 1).as_bytes(), &real[digits..]].concat();
    let damaged = |text: &[u8]| [format!("{format} ").as_bytes(), text].concat();
    for (what, cursor) in [
        ("a newer cursor", newer),
        ("an empty cursor", Vec::new()),
        ("a cursor without a version", b"no version".to_vec()),
        ("a cursor with nothing but its version", damaged(b"")),
        ("a cursor of random bytes", damaged(b"\xff\xfe\xfd\n\x80\x81")),
    ] {
        let polled = source
            .step(&reading.partition, Some(cursor), first.session.clone(), 1)
            .await;
        let what = format!("the poll of {} from {what}", reading.partition);
        match polled {
            Ok(_) => source.harness.expect(Check::CursorRefusal, false, || {
                format!("{what} went on reading; it must be the fault `invalid-cursor`")
            }),
            Err(Stop::Error(error)) => {
                source
                    .harness
                    .expect(Check::CursorRefusal, error.fault == Fault::InvalidCursor, || {
                        format!(
                            "{what} says `{}` [{}] where `invalid-cursor` is right",
                            error.fault.as_str(),
                            error.code
                        )
                    });
            }
            Err(stop @ Stop::Lost) => source.stopped(Check::CursorRefusal, &what, &stop),
        }
    }
}

fn version(cursor: &[u8]) -> Option<u32> {
    let digits = cursor.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&cursor[..digits]).ok()?.parse().ok()
}

/// Polls with budgets so small that a batch hardly fits: each is kept, and reading still moves on.
pub(super) async fn of_large_batches(source: &SourceUnderTest<'_>, reading: &Reading) {
    for (what, max_events, max_bytes) in [("one event", 1, u64::MAX), ("one byte", u32::MAX, 1)] {
        let (mut cursor, mut session) = (None, None);
        for _ in 0..TINY_POLLS {
            let from = (cursor.clone(), session.clone());
            let polled = source
                .poll(&source.setting, &reading.partition, from, max_events, max_bytes)
                .await;
            let place = format!("the poll of {} with a budget of {what}", reading.partition);
            let batch = match polled {
                Err(stop) => return source.stopped(Check::Budget, &place, &stop),
                Ok((batch, _)) => batch,
            };
            if batch.caught_up {
                break;
            }
            let moved = cursor.as_ref() != Some(&batch.cursor);
            source
                .harness
                .expect(Check::Budget, moved, || format!("{place} did not move on"));
            session = batch.session.apply(session);
            cursor = Some(batch.cursor);
        }
    }
}
