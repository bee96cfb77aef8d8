//! Between the library's types and those that are generated from the contract. Everything is moved, nothing copied.

use std::time::Duration;

use super::{Batch, Budget, Discovery, Error, Manifest, Plan, Report, Request, Session, SessionChange};
use crate::model::{Attribute, Event, Fault, Issue, Measure, MeasureKind, PartitionInfo, Progress, Rejected};
use crate::plugin::bindings::exports::headwater::source::{descriptor, source, types};

impl From<Request> for source::Request {
    fn from(request: Request) -> Self {
        let Budget {
            max_events,
            max_bytes,
            deadline,
        } = request.budget;
        Self {
            config: request.config,
            partition: request.partition,
            cursor: request.cursor,
            session: request.session.map(|session| session.0),
            budget: source::Budget {
                max_events,
                max_bytes,
                deadline: nanoseconds(deadline),
            },
        }
    }
}

impl From<source::Batch> for Batch {
    fn from(batch: source::Batch) -> Self {
        let events = batch.events.into_iter().map(|event| Event {
            id: event.id,
            time: event.time,
            severity: event.severity,
            attributes: attributes(event.attributes),
            body: event.body,
        });
        let rejected = batch.rejected.into_iter().map(|item| Rejected {
            id: item.id,
            reason: item.reason,
            raw: item.raw,
            refused: None,
        });
        Self {
            events: events.collect(),
            rejected: rejected.collect(),
            cursor: batch.cursor,
            session: batch.session.into(),
            next_in: batch.next_in.map(Duration::from_nanos),
            caught_up: batch.caught_up,
            progress: batch.progress.map(|progress| Progress {
                start: progress.start,
                position: progress.position,
                target: progress.target,
            }),
            measures: measures(batch.measures),
        }
    }
}

impl From<source::Discovery> for Discovery {
    fn from(found: source::Discovery) -> Self {
        let partitions = found.partitions.into_iter().map(|info| PartitionInfo {
            id: info.id,
            formerly: info.formerly,
            title: info.title,
            attributes: attributes(info.attributes),
            unavailable: info.unavailable,
        });
        Self {
            partitions: partitions.collect(),
            session: found.session.into(),
            measures: measures(found.measures),
        }
    }
}

impl From<source::Report> for Report {
    fn from(report: source::Report) -> Self {
        Self {
            summary: report.summary,
            warnings: report.warnings,
            session: report.session.into(),
        }
    }
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        Self {
            fault: match error.fault {
                types::Fault::Retry => Fault::Retry,
                types::Fault::Denied => Fault::Denied,
                types::Fault::InvalidConfig => Fault::InvalidConfig,
                types::Fault::InvalidCursor => Fault::InvalidCursor,
                types::Fault::Broken => Fault::Broken,
            },
            code: error.code,
            message: error.message,
            hint: error.hint,
            retry_after: error.retry_after.map(Duration::from_nanos),
            session: error.session.into(),
            measures: measures(error.measures),
        }
    }
}

impl From<types::SessionChange> for SessionChange {
    fn from(change: types::SessionChange) -> Self {
        match change {
            types::SessionChange::Keep => Self::Keep,
            types::SessionChange::Drop => Self::Drop,
            types::SessionChange::Replace(session) => Self::Replace(Session(session)),
        }
    }
}

impl From<source::Plan> for Plan {
    fn from(plan: source::Plan) -> Self {
        Self {
            origins: plan.origins,
            warnings: issues(plan.warnings),
        }
    }
}

impl From<descriptor::Manifest> for Manifest {
    fn from(manifest: descriptor::Manifest) -> Self {
        Self {
            name: manifest.name,
            version: manifest.version,
            summary: manifest.summary,
            homepage: manifest.homepage,
            config_schema: manifest.config_schema,
            formats: manifest.formats,
            cursor_format: manifest.cursor_format,
            default_interval: Duration::from_nanos(manifest.default_interval),
            minimum_interval: Duration::from_nanos(manifest.minimum_interval),
        }
    }
}

/// Issues as the library has them.
pub(in crate::component) fn issues(issues: Vec<types::Issue>) -> Vec<Issue> {
    let issues = issues.into_iter().map(|issue| Issue {
        pointer: Some(issue.pointer),
        message: issue.message,
    });
    issues.collect()
}

/// Nanoseconds as the contract counts; what is too long is the longest that there is.
pub(in crate::component) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn attributes(attributes: Vec<types::Attribute>) -> Vec<Attribute> {
    let attributes = attributes.into_iter().map(|attribute| Attribute {
        name: attribute.name,
        value: attribute.value,
    });
    attributes.collect()
}

fn measures(measures: Vec<types::Measure>) -> Vec<Measure> {
    let measures = measures.into_iter().map(|measure| Measure {
        name: measure.name,
        kind: match measure.kind {
            types::MeasureKind::Counter => MeasureKind::Counter,
            types::MeasureKind::Gauge => MeasureKind::Gauge,
        },
        label: measure.label,
        value: measure.value,
    });
    measures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_too_far_away_is_the_last_one_that_there_is() {
        let request = Request {
            config: String::new(),
            partition: String::new(),
            cursor: None,
            session: None,
            budget: Budget {
                max_events: 1,
                max_bytes: 1,
                deadline: Duration::MAX,
            },
        };
        assert_eq!(source::Request::from(request).budget.deadline, u64::MAX);
    }

    #[test]
    fn bodies_are_moved_and_not_copied() {
        let body = "{}".repeat(100);
        let place = body.as_ptr();
        let batch = Batch::from(source::Batch {
            events: vec![source::Event {
                id: "1".to_owned(),
                time: Some(1),
                severity: 9,
                attributes: Vec::new(),
                body,
            }],
            rejected: Vec::new(),
            cursor: b"1 x".to_vec(),
            session: types::SessionChange::Keep,
            next_in: Some(7),
            caught_up: true,
            progress: None,
            measures: Vec::new(),
        });
        assert_eq!(batch.events[0].body.as_ptr(), place);
        assert_eq!(batch.next_in, Some(Duration::from_nanos(7)));
    }
}
