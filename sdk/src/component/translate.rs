//! From the contract as plain Rust to the generated types, field by field.

use super::bindings::exports::headwater::source::{descriptor, source, types};
use crate::contract;

/// Converts every element of a list.
pub fn each<From, To: std::convert::From<From>>(list: Vec<From>) -> Vec<To> {
    list.into_iter().map(To::from).collect()
}

impl From<contract::Manifest> for descriptor::Manifest {
    fn from(manifest: contract::Manifest) -> Self {
        Self {
            name: manifest.name,
            version: manifest.version,
            summary: manifest.summary,
            homepage: manifest.homepage,
            config_schema: manifest.config_schema,
            formats: manifest.formats,
            cursor_format: manifest.cursor_format,
            default_interval: manifest.default_interval,
            minimum_interval: manifest.minimum_interval,
        }
    }
}

impl From<contract::Issue> for types::Issue {
    fn from(issue: contract::Issue) -> Self {
        Self {
            pointer: issue.pointer,
            message: issue.message,
        }
    }
}

impl From<contract::Plan> for source::Plan {
    fn from(plan: contract::Plan) -> Self {
        Self {
            origins: plan.origins,
            warnings: each(plan.warnings),
        }
    }
}

impl From<contract::Fault> for types::Fault {
    fn from(fault: contract::Fault) -> Self {
        match fault {
            contract::Fault::Retry => Self::Retry,
            contract::Fault::Denied => Self::Denied,
            contract::Fault::InvalidConfig => Self::InvalidConfig,
            contract::Fault::InvalidCursor => Self::InvalidCursor,
            contract::Fault::Broken => Self::Broken,
        }
    }
}

impl From<contract::Error> for types::Error {
    fn from(error: contract::Error) -> Self {
        Self {
            fault: error.fault.into(),
            code: error.code.to_owned(),
            message: error.message,
            hint: error.hint,
            retry_after: error.retry_after,
            session: error.session.into(),
            measures: each(error.measures),
        }
    }
}

impl From<contract::SessionChange> for types::SessionChange {
    fn from(change: contract::SessionChange) -> Self {
        match change {
            contract::SessionChange::Keep => Self::Keep,
            contract::SessionChange::Drop => Self::Drop,
            contract::SessionChange::Replace(session) => Self::Replace(session),
        }
    }
}

impl From<contract::Attribute> for types::Attribute {
    fn from(attribute: contract::Attribute) -> Self {
        Self {
            name: attribute.name.to_owned(),
            value: attribute.value,
        }
    }
}

impl From<contract::Measure> for types::Measure {
    fn from(measure: contract::Measure) -> Self {
        Self {
            name: measure.name.to_owned(),
            kind: match measure.kind {
                contract::MeasureKind::Counter => types::MeasureKind::Counter,
                contract::MeasureKind::Gauge => types::MeasureKind::Gauge,
            },
            label: measure.label,
            value: measure.value,
        }
    }
}

impl From<contract::PartitionInfo> for source::PartitionInfo {
    fn from(partition: contract::PartitionInfo) -> Self {
        Self {
            id: partition.id,
            formerly: partition.formerly,
            title: partition.title,
            attributes: each(partition.attributes),
            unavailable: partition.unavailable,
        }
    }
}

impl From<contract::Discovery> for source::Discovery {
    fn from(discovery: contract::Discovery) -> Self {
        Self {
            partitions: each(discovery.partitions),
            session: discovery.session.into(),
            measures: each(discovery.measures),
        }
    }
}

impl From<contract::Report> for source::Report {
    fn from(report: contract::Report) -> Self {
        Self {
            summary: report.summary,
            warnings: report.warnings,
            session: report.session.into(),
        }
    }
}

impl From<source::Request> for contract::Request {
    fn from(request: source::Request) -> Self {
        Self {
            config: request.config,
            partition: request.partition,
            cursor: request.cursor,
            session: request.session,
            budget: contract::Budget {
                max_events: request.budget.max_events,
                max_bytes: request.budget.max_bytes,
                deadline: request.budget.deadline,
            },
        }
    }
}

impl From<contract::Event> for source::Event {
    fn from(event: contract::Event) -> Self {
        Self {
            id: event.id,
            time: event.time,
            severity: event.severity,
            attributes: each(event.attributes),
            body: event.body,
        }
    }
}

impl From<contract::Rejected> for source::Rejected {
    fn from(rejected: contract::Rejected) -> Self {
        Self {
            id: rejected.id,
            reason: rejected.reason,
            raw: rejected.raw,
        }
    }
}

impl From<contract::Progress> for source::Progress {
    fn from(progress: contract::Progress) -> Self {
        Self {
            start: progress.start,
            position: progress.position,
            target: progress.target,
        }
    }
}

impl From<contract::Batch> for source::Batch {
    fn from(batch: contract::Batch) -> Self {
        Self {
            events: each(batch.events),
            rejected: each(batch.rejected),
            cursor: batch.cursor,
            session: batch.session.into(),
            next_in: batch.next_in,
            caught_up: batch.caught_up,
            progress: batch.progress.map(Into::into),
            measures: each(batch.measures),
        }
    }
}
