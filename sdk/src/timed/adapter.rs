//! From a [`TimedSource`] to the contract's functions.

use std::marker::PhantomData;

use super::reader::Reader;
use super::{Query, TimedSource};
use crate::basics;
use crate::call::Call;
use crate::contract::{Batch, Discovery, Error, Issue, Manifest, Nanos, Plan, Report, Request};
use crate::duration::HOUR;
use crate::exports::Component;
use crate::http::Platform;
use crate::instant::whole_millis;
use crate::lookback::Range;

/// A [`TimedSource`] as a component.
#[derive(Debug)]
pub struct Timed<S>(PhantomData<S>);

impl<S: TimedSource> Component for Timed<S> {
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

    /// Reads the first page of the last hour.
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
        let end = whole_millis(call.now());
        let range = Range {
            start: end.saturating_sub(HOUR),
            end,
        };
        match S::fetch(&config, &mut call, partition, Query { range, link: None }) {
            Ok(page) => {
                let at_least = if page.next.is_some() { "at least " } else { "" };
                Ok(Report {
                    summary: match page.records.len() {
                        0 => "readable; nothing happened in the last hour".to_owned(),
                        1 => "readable: 1 record of the last hour".to_owned(),
                        count => format!("readable: {at_least}{count} records of the last hour"),
                    },
                    warnings: Vec::new(),
                    session: call.session_change(),
                })
            }
            Err(failure) => Err(call.error(failure)),
        }
    }

    fn poll(platform: &mut dyn Platform, request: &Request) -> Result<Batch, Error> {
        let config = basics::settings::<S>(&request.config)?;
        let login = |call: &mut Call<'_>| S::login(&config, call);
        let deadline = request.budget.deadline;
        let session = request.session.as_deref();
        let call = Call::new(platform, &login, &request.config, session, deadline);
        Reader::<S>::poll(&config, call, request)
    }
}
