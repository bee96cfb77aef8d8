//! The connection test: the request that a poll would send, for the last hour.

use crate::arm::{Arm, last_answer, log_url, transport_failure};
use crate::config::{Settings, Subscriptions};
use crate::contract::{Error, Nanos, Report, Timestamp};
use crate::duration::HOUR;
use crate::fault::arm::foreign_link;
use crate::fault::{Failure, Kind};
use crate::http::Platform;
use crate::instant::{rfc3339, whole_millis};
use crate::link;
use crate::page::{self, NextLink};
use crate::partition::Partition;
use crate::permission;

/// The API has no way to ask for one event only, so that the test asks for a short time.
const SPAN: Nanos = HOUR;

/// Tests a partition.
pub fn check(
    world: &mut dyn Platform,
    settings: &Settings,
    session: Option<&[u8]>,
    partition: &Partition,
    deadline: Nanos,
) -> Result<Report, Error> {
    let now = whole_millis(world.now());
    let mut arm = Arm::new(world, settings, session, last_answer(deadline));
    let found = look(&mut arm, partition, now).map(|(summary, mut warnings)| {
        let start = settings
            .start
            .warning(now)
            .map(|warning| format!("start {warning}"));
        warnings.extend(start);
        (summary, warnings)
    });
    let session = Some(arm.session_bytes());
    match found {
        Ok((summary, warnings)) => Ok(Report {
            summary,
            warnings,
            session,
        }),
        Err(failure) => Err(Error {
            session,
            measures: arm.measures.into_list(),
            ..failure.error
        }),
    }
}

fn look(arm: &mut Arm<'_>, partition: &Partition, now: Timestamp) -> Result<(String, Vec<String>), Failure> {
    let url = log_url(arm.settings, partition, now.saturating_sub(SPAN), now);
    let answer = match arm.get(&url) {
        // Nobody has asked for this one by name.
        Err(failure) if failure.kind == Kind::NoLog && arm.settings.subscriptions == Subscriptions::All => {
            let summary = format!("passed over, since {}", failure.error.message);
            return Ok((summary, failure.error.hint.into_iter().collect()));
        }
        answer => answer?,
    };
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
        NextLink::Url(_) | NextLink::Odd(_) => return Err(foreign_link()),
        NextLink::End => "",
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
        None => empty(arm, partition)?,
    })
}

/// Judges an empty hour. Azure has been seen to answer with an empty list after every permission was taken away, so that
/// the list alone proves nothing.
fn empty(arm: &mut Arm<'_>, partition: &Partition) -> Result<(String, Vec<String>), Failure> {
    const QUIET: &str =
        "no event in the last hour: usual where little changes; events take up to 20 minutes to appear";
    let permitted = match partition {
        Partition::Subscription(id) => permission::is_granted(arm, id),
        Partition::Tenant(_) => None,
    };
    match permitted {
        Some(true) => Ok((
            "the application has the permission, and the log is empty for the last hour".to_owned(),
            vec![QUIET.to_owned()],
        )),
        Some(false) => Err(permission::missing()),
        None => Ok((
            "the log was empty for the last hour, which does not prove that it may be read".to_owned(),
            vec![format!(
                "{QUIET}. Azure has answered so without a role as well: make an event, or see that the role Reader is \
                 assigned"
            )],
        )),
    }
}
