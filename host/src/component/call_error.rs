//! Why a call into a component did not return.

use std::time::Duration;

use thiserror::Error;
use tracing::debug;

use crate::model::{Failure, Fault};
use crate::redact::Redactor;

/// Why a call did not return. Its texts may hold secrets: what a plugin says when it crashes is its own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The plugin ran into a trap, or was stopped at a bound.
    #[error("the plugin crashed: {reason}")]
    Crashed {
        /// What it crashed of.
        reason: String,
        /// The same with where that was.
        trace: String,
        /// What it was refused before.
        refused: Option<Refused>,
    },
    /// The plugin was interrupted at its deadline.
    #[error("the plugin did not return within {}", humantime::format_duration(*.after))]
    Overdue {
        /// The deadline.
        after: Duration,
        /// For so much of that time it had used up its share of the processor.
        held: Duration,
    },
}

/// A bound that a plugin has run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// `Limits::memory`.
    Memory,
    /// `Limits::host_memory`.
    HostMemory,
}

impl CallError {
    /// The failure that a source has then, without secrets, with what a person can do.
    pub(super) fn explain(&self, redactor: &Redactor) -> Failure {
        match self {
            Self::Crashed {
                reason,
                trace,
                refused,
            } => {
                debug!(backtrace = %redactor.clean(trace), "the plugin trapped");
                let reason = redactor.clean(reason);
                let message = format_args!("the plugin crashed: {reason}");
                Failure::host(Fault::Broken, "trap", message).with_hint(match refused {
                    Some(Refused::Memory) => {
                        "give it more with `limits.memory`, or less to do with `limits.batch_events`"
                    }
                    Some(Refused::HostMemory) => {
                        "it keeps more requests, fields or bodies than a source needs; report it to its author, or \
                         raise `limits.host_memory`"
                    }
                    None => "this is a defect of the plugin; report it with the log lines before this one",
                })
            }
            Self::Overdue { after, held } => {
                Failure::host(Fault::Broken, "timeout", self).with_hint(if *held > *after / 2 {
                    "it waited for its share of the processor most of the time; raise `limits.cpu`, or give it less to \
                     do with `limits.batch_events`"
                } else {
                    "the upstream may be slow; if this continues, raise `limits.poll_timeout`"
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_explained_by_what_was_refused_and_without_secrets() {
        let redactor = Redactor::new(["s3cret-value".to_owned()]);
        for (refused, hint) in [
            (None, "defect of the plugin"),
            (Some(Refused::Memory), "limits.memory"),
            (Some(Refused::HostMemory), "limits.host_memory"),
        ] {
            let crashed = CallError::Crashed {
                reason: "panicked at s3cret-value".to_owned(),
                trace: String::new(),
                refused,
            };
            let failure = crashed.explain(&redactor);
            assert_eq!(failure.message, "the plugin crashed: panicked at [secret]");
            assert!(
                failure.hint.is_some_and(|text| text.contains(hint)),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_plugin_that_waited_for_the_processor_is_told_from_one_that_waited_for_its_upstream() {
        for (held, hint) in [(59, "limits.poll_timeout"), (61, "limits.cpu")] {
            let overdue = CallError::Overdue {
                after: Duration::from_secs(120),
                held: Duration::from_secs(held),
            };
            let failure = overdue.explain(&Redactor::default());
            assert_eq!(failure.message, "the plugin did not return within 2m");
            assert!(failure.hint.is_some_and(|text| text.contains(hint)), "{held}");
        }
    }
}
