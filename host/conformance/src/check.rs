//! What the kit examines: one row for each promise of the contract.

use serde::Serialize;

/// One promise of the contract. `rule` and `promise` say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Check {
    /// Its imports.
    World,
    /// Its self-description.
    Describe,
    /// Its judgement of configurations.
    Validate,
    /// Where its requests go.
    Origins,
    /// The partitions it finds.
    Discover,
    /// The shape of events and rejected items.
    Events,
    /// The limits of a poll.
    Budget,
    /// What it writes to stderr.
    Logs,
    /// Cursors that cover what was delivered.
    Resume,
    /// Nothing that outlives an instance.
    FreshInstance,
    /// Sessions that can be lost.
    SessionLoss,
    /// Batches without events.
    EmptyProgress,
    /// That it returns.
    BatchOrError,
    /// The shape of errors.
    ErrorShape,
    /// Answers that are no pages.
    Refusal,
    /// What an interrupted poll leaves behind.
    Interruption,
    /// Partitions that do not disturb each other.
    Independence,
    /// The shape of cursors.
    CursorFormat,
    /// Cursors that must be refused.
    CursorRefusal,
    /// The same answer at the same time.
    Clock,
    /// What must stay inside.
    Secrets,
    /// The contract's version.
    Version,
    /// What a call takes while the upstream hangs.
    Deadline,
    /// What partitions are called.
    PartitionIdentity,
    /// What events are called.
    UniqueIds,
}

impl Check {
    /// All of them, in the order of the report: first what has no number, then by rule.
    pub const ALL: [Self; 25] = [
        Self::World,
        Self::Describe,
        Self::Validate,
        Self::Origins,
        Self::Discover,
        Self::Events,
        Self::Budget,
        Self::Logs,
        Self::Resume,
        Self::FreshInstance,
        Self::SessionLoss,
        Self::EmptyProgress,
        Self::BatchOrError,
        Self::ErrorShape,
        Self::Refusal,
        Self::Interruption,
        Self::Independence,
        Self::CursorFormat,
        Self::CursorRefusal,
        Self::Clock,
        Self::Secrets,
        Self::Version,
        Self::Deadline,
        Self::PartitionIdentity,
        Self::UniqueIds,
    ];

    /// The number of the contract's rule; none for what the contract says elsewhere.
    pub fn rule(self) -> Option<u8> {
        self.row().0
    }

    /// A stable word for machines.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What a source promises.
    pub fn promise(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Option<u8>, &'static str, &'static str) {
        match self {
            Self::World => (None, "world", "imports nothing but what the contract lists"),
            Self::Describe => (
                None,
                "describe",
                "describes itself completely, offline, always the same",
            ),
            Self::Validate => (
                None,
                "validate",
                "judges any configuration offline, always the same",
            ),
            Self::Origins => (None, "origins", "contacts only the origins of its plan"),
            Self::Discover => (
                None,
                "discover",
                "names each partition once, as the contract allows",
            ),
            Self::Events => (
                None,
                "events",
                "events have an id and one JSON object on one line",
            ),
            Self::Budget => (None, "budget", "a batch stays within its budget, however small"),
            Self::Logs => (None, "logs", "log lines are plain text and not too many"),
            Self::Resume => (
                Some(1),
                "resume",
                "from every cursor exactly the rest is delivered",
            ),
            Self::FreshInstance => (
                Some(2),
                "fresh-instance",
                "a poll is the same in a fresh instance",
            ),
            Self::SessionLoss => (
                Some(2),
                "session-loss",
                "a lost, damaged or newer session changes no batch",
            ),
            Self::EmptyProgress => (
                Some(3),
                "empty-progress",
                "a poll that finds nothing new is a batch",
            ),
            Self::BatchOrError => (Some(4), "batch-or-error", "every call returns, in time"),
            Self::ErrorShape => (
                Some(4),
                "error-shape",
                "errors are fit for machines and for people",
            ),
            Self::Refusal => (
                Some(4),
                "refusal",
                "a refusal is an error and never an empty page",
            ),
            Self::Interruption => (
                Some(4),
                "interruption",
                "an upstream that breaks off costs no event",
            ),
            Self::Independence => (
                Some(5),
                "independence",
                "partitions that share a session stay apart",
            ),
            Self::CursorFormat => (
                Some(6),
                "cursor-format",
                "cursors carry their version, under 1 MiB",
            ),
            Self::CursorRefusal => (Some(6), "cursor-refusal", "newer and damaged cursors are refused"),
            Self::Clock => (Some(7), "clock", "at the same time, the same answer"),
            Self::Secrets => (Some(8), "secrets", "no secret and no credential leaves it"),
            Self::Version => (
                Some(9),
                "version",
                "exports the contract in a version of this host",
            ),
            Self::Deadline => (
                Some(10),
                "deadline",
                "every call is over at its deadline, whatever the upstream withholds",
            ),
            Self::PartitionIdentity => (
                Some(11),
                "partition-identity",
                "another upstream is another partition",
            ),
            Self::UniqueIds => (Some(12), "unique-ids", "no two events of a partition share an id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_check_with_its_rule_and_promise() {
        let page = include_str!("../../../docs/conformance.md");
        for check in Check::ALL {
            let rule = check
                .rule()
                .map_or_else(|| "–".to_owned(), |rule| rule.to_string());
            let row = format!("| {rule} | `{}` | {} |", check.name(), check.promise());
            assert!(page.lines().any(|line| line == row), "{row} is missing");
        }
    }
}
