//! From a [`PagedSource`] to the contract's functions.

use std::marker::PhantomData;

use crate::basics;
use crate::batch::{BatchBuilder, size};
use crate::call::Call;
use crate::contract::{Batch, Discovery, Error, Fault, Issue, Manifest, Nanos, Plan, Report, Request};
use crate::cursor;
use crate::duration::SECOND;
use crate::exports::Component;
use crate::failure::Failure;
use crate::http::{Level, Platform};
use crate::page::{Item, Page};
use crate::source::PagedSource;

/// A [`PagedSource`] as a component.
#[derive(Debug)]
pub struct Adapter<S>(PhantomData<S>);

/// Why reading ended.
enum End {
    CaughtUp,
    Full,
    Failed(Failure),
}

impl<S: PagedSource> Component for Adapter<S> {
    fn describe() -> Manifest {
        basics::manifest::<S>()
    }

    fn validate(text: &str) -> Result<Plan, Vec<Issue>> {
        basics::validate::<S>(text)
    }

    fn discover(
        platform: &mut dyn Platform,
        text: &str,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Result<Discovery, Error> {
        basics::discover::<S>(platform, text, session, deadline)
    }

    fn check(
        platform: &mut dyn Platform,
        text: &str,
        session: Option<&[u8]>,
        partition: &str,
        deadline: Nanos,
    ) -> Result<Report, Error> {
        let config = basics::settings::<S>(text)?;
        let login = |call: &mut Call<'_>| S::login(&config, call);
        let mut call = Call::new(platform, &login, text, session, deadline);
        match S::read(&config, &mut call, partition, None) {
            Ok(page) => Ok(Report {
                summary: match (page.items.len(), page.more) {
                    (0, false) => "readable, and empty".to_owned(),
                    (1, false) => "readable: 1 record".to_owned(),
                    (count, false) => format!("readable: {count} records"),
                    (count, true) => format!("readable: {count} records on the first page"),
                },
                warnings: Vec::new(),
                session: call.session_change(),
            }),
            Err(failure) => Err(call.error(failure)),
        }
    }

    fn poll(platform: &mut dyn Platform, request: &Request) -> Result<Batch, Error> {
        let config = basics::settings::<S>(&request.config)?;
        let login = |call: &mut Call<'_>| S::login(&config, call);
        let budget = request.budget;
        let mut call = Call::new(
            platform,
            &login,
            &request.config,
            request.session.as_deref(),
            budget.deadline,
        );
        let mut position: Option<S::Position> = match request.cursor.as_deref() {
            None => None,
            Some(bytes) => match cursor::decode(S::CURSOR_FORMAT, bytes) {
                Ok(position) => position,
                Err(error) => return Err(call.error(basics::unreadable(error))),
            },
        };
        let mut batch = BatchBuilder::new(&budget);
        let mut pages = 0;
        let end = loop {
            if batch.is_full() || (pages > 0 && call.is_late()) {
                break End::Full;
            }
            match S::read(&config, &mut call, &request.partition, position.as_ref()) {
                Err(failure) => break End::Failed(failure),
                Ok(page) => {
                    pages += 1;
                    call.measures.add("pages", 1);
                    call.measures.add("received", page.items.len() as u64);
                    if let Some(end) = take(page, &mut batch, &mut position) {
                        break end;
                    }
                }
            }
        };
        let next_in = match end {
            End::CaughtUp => None,
            End::Full => Some(0),
            // What came before is a shorter batch; the failure shows on the next poll.
            End::Failed(failure) if pages > 0 => {
                let text = format!("{}; what came before is delivered", failure.message);
                call.log(Level::Warn, &text);
                Some(failure.retry_after.unwrap_or(SECOND))
            }
            End::Failed(failure) => return Err(call.error(failure)),
        };
        Ok(Batch {
            events: batch.events,
            rejected: batch.rejected,
            cursor: cursor::encode(S::CURSOR_FORMAT, &position),
            session: call.session_change(),
            caught_up: next_in.is_none(),
            next_in,
            progress: None,
            measures: call.measures.into_list(),
        })
    }
}

/// Takes of a page what fits, and moves the position behind it. Whether that was the end.
fn take<P: PartialEq>(page: Page<P>, batch: &mut BatchBuilder, position: &mut Option<P>) -> Option<End> {
    let Page { items, end, more } = page;
    let brought = !items.is_empty();
    for (item, after) in items {
        let bytes = match &item {
            Item::Event(event) => size(event),
            Item::Rejected(rejected) => rejected.raw.len() as u64,
        };
        if !batch.fits(bytes) {
            return Some(End::Full);
        }
        match item {
            Item::Event(event) => batch.events.push(event),
            Item::Rejected(rejected) => batch.rejected.push(rejected),
        }
        *position = Some(after);
    }
    let moved = end.is_some() && end != *position;
    if end.is_some() {
        *position = end;
    }
    if !more {
        return Some(End::CaughtUp);
    }
    // The same page would be read again and again.
    (!brought && !moved).then(|| {
        let message = "a page without records says that there is more";
        End::Failed(Failure::new(Fault::Broken, "source.standstill", message))
    })
}
