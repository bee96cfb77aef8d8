//! The connection test: the request that a poll would send, for the last hour.

use crate::arm::{Arm, log_url, transport_failure};
use crate::config::Settings;
use crate::contract::{Error, Nanos, Report, Timestamp};
use crate::fault::Failure;
use crate::fault::arm::foreign_link;
use crate::http::World;
use crate::instant::{rfc3339, whole_millis};
use crate::link;
use crate::page::{self, NextLink};
use crate::partition::Partition;
use crate::span::{HOUR, SECOND};

/// The API has no way to ask for one event only, so that the test asks for a short time.
const SPAN: Nanos = HOUR;

/// Somebody may be waiting for the answer.
const DEADLINE: Nanos = 30 * SECOND;

/// Tests a partition.
pub fn check(
    world: &mut dyn World,
    settings: &Settings,
    session: Option<&[u8]>,
    partition: &Partition,
) -> Result<Report, Error> {
    let now = whole_millis(world.now());
    let mut arm = Arm::new(world, settings, session, DEADLINE);
    let found = look(&mut arm, partition, now);
    let session = Some(arm.session_bytes());
    match found {
        Ok((summary, warnings)) => Ok(Report {
            summary,
            warnings,
            session,
        }),
        Err(failure) => Err(Error {
            session,
            ..failure.error
        }),
    }
}

fn look(arm: &mut Arm<'_>, partition: &Partition, now: Timestamp) -> Result<(String, Vec<String>), Failure> {
    let answer = arm.get(&log_url(arm.settings, partition, now.saturating_sub(SPAN), now))?;
    let failure = transport_failure(arm.settings);
    let pieces = answer.body.map(|piece| piece.map_err(&failure));
    let (mut count, mut newest) = (0, None);
    let next_link = page::read(pieces, |record| {
        count += 1;
        newest = newest.max(record.time());
        Some(())
    });
    let at_least = match &next_link?.unwrap_or_default() {
        NextLink::Url(next)
            if link::leads_to(next, &arm.settings.cloud.resource_manager, &partition.log_path()) =>
        {
            "at least "
        }
        NextLink::Url(_) => return Err(foreign_link()),
        NextLink::End | NextLink::Odd(_) => "",
    };
    Ok(match newest {
        Some(newest) => {
            let events = if count == 1 { "event" } else { "events" };
            (
                format!(
                    "the log is readable: {at_least}{count} {events} in the last hour, the newest at {}",
                    rfc3339(newest)
                ),
                Vec::new(),
            )
        }
        None => {
            let warning = "no event in the last hour: usual where little changes; events take up to 20 minutes to appear";
            ("the log is readable".to_owned(), vec![warning.to_owned()])
        }
    })
}
