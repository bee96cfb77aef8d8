//! From a [`TimedSource`] to the contract's functions.

use std::marker::PhantomData;

use super::reader::Reader;
use super::{Query, TimedSource};
use crate::basics::{self, Basics};
use crate::call::Call;
use crate::contract::{Batch, Discovery, Error, Issue, Manifest, Nanos, Plan, Report, Request};
use crate::description::Description;
use crate::duration::HOUR;
use crate::exports::Component;
use crate::failure::Failure;
use crate::http::Platform;
use crate::instant::whole_millis;
use crate::lookback::Range;
use crate::page::Partition;
use crate::planning::Planning;
use crate::token::Token;

/// A [`TimedSource`] as a component.
#[derive(Debug)]
pub struct Timed<S>(PhantomData<S>);

impl<S: TimedSource> Basics for Timed<S> {
    type Config = S::Config;
    const CURSOR_FORMAT: u32 = S::CURSOR_FORMAT;

    fn description() -> Description {
        S::describe()
    }

    fn plan(config: &S::Config, planning: &mut Planning) {
        S::plan(config, planning);
    }

    fn login(config: &S::Config, call: &mut Call<'_>) -> Result<Option<Token>, Failure> {
        S::login(config, call)
    }

    fn partitions(config: &S::Config, call: &mut Call<'_>) -> Result<Vec<Partition>, Failure> {
        S::partitions(config, call)
    }
}

impl<S: TimedSource> Component for Timed<S> {
    fn describe() -> Manifest {
        basics::manifest::<Self>()
    }

    fn validate(text: &str) -> Result<Plan, Vec<Issue>> {
        basics::validate::<Self>(text)
    }

    fn discover(
        platform: &mut dyn Platform,
        text: &str,
        session: Option<&[u8]>,
        deadline: Nanos,
    ) -> Result<Discovery, Error> {
        basics::discover::<Self>(platform, text, session, deadline)
    }

    /// Reads the first page of the last hour.
    fn check(
        platform: &mut dyn Platform,
        text: &str,
        session: Option<&[u8]>,
        partition: &str,
        deadline: Nanos,
    ) -> Result<Report, Error> {
        let config = basics::settings::<Self>(text)?;
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
        let config = basics::settings::<Self>(&request.config)?;
        let login = |call: &mut Call<'_>| S::login(&config, call);
        let deadline = request.budget.deadline;
        let session = request.session.as_deref();
        let call = Call::new(platform, &login, &request.config, session, deadline);
        Reader::<S>::poll(&config, call, request)
    }
}
