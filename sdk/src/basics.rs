//! What is the same for both kinds of sources: all but reading.

use crate::call::Call;
use crate::config;
use crate::contract::{Discovery, Error, Fault, Issue, Manifest, Nanos, Plan, SessionChange};
use crate::failure::Failure;
use crate::http::Platform;
use crate::source::Source;

/// What the source is.
pub(crate) fn manifest<S: Source>() -> Manifest {
    S::describe().manifest(S::CURSOR_FORMAT)
}

/// Judges a configuration.
pub(crate) fn validate<S: Source>(text: &str) -> Result<Plan, Vec<Issue>> {
    planned::<S>(text).map(|(_, plan)| plan)
}

/// Finds the partitions.
pub(crate) fn discover<S: Source>(
    platform: &mut dyn Platform,
    text: &str,
    session: Option<&[u8]>,
    deadline: Nanos,
) -> Result<Discovery, Error> {
    let config = settings::<S>(text)?;
    let login = |call: &mut Call<'_>| S::login(&config, call);
    let mut call = Call::new(platform, &login, text, session, deadline);
    match S::partitions(&config, &mut call) {
        Ok(partitions) => Ok(Discovery {
            partitions: partitions.into_iter().map(|partition| partition.0).collect(),
            session: call.session_change(),
            measures: call.measures.into_list(),
        }),
        Err(failure) => Err(call.error(failure)),
    }
}

/// The configuration, or all that is wrong with it in one error: a host should have asked `validate` before.
pub(crate) fn settings<S: Source>(text: &str) -> Result<S::Config, Error> {
    planned::<S>(text).map(|(config, _)| config).map_err(|issues| {
        let sentences: Vec<String> = issues
            .iter()
            .map(|issue| format!("{} {}", issue.pointer, issue.message).trim().to_owned())
            .collect();
        Error {
            fault: Fault::InvalidConfig,
            code: "config.invalid",
            message: sentences.join("; "),
            hint: None,
            retry_after: None,
            session: SessionChange::Keep,
            measures: Vec::new(),
        }
    })
}

/// The failure of a call whose cursor cannot be read.
pub(crate) fn unreadable(error: crate::cursor::CursorError) -> Failure {
    Failure::new(Fault::InvalidCursor, "cursor.unreadable", error.to_string())
        .hint("run the version that wrote it, or reset the state of this partition")
}

fn planned<S: Source>(text: &str) -> Result<(S::Config, Plan), Vec<Issue>> {
    config::plan(text, &S::describe(), S::plan)
}
