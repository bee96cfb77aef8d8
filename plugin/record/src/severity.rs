//! How serious a record is, and why.

mod condition;
mod rate;
mod table;

use std::str::FromStr;

pub use condition::Condition;
pub use rate::{Rater, Rating, Techniques};
pub use table::{Row, Set, rows};

use crate::facts::Level;

/// The ladder, the least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to do.
    Info,
    /// Worth keeping in mind.
    Low,
    /// Worth a look.
    Medium,
    /// Look soon.
    High,
    /// Look now.
    Critical,
}

impl Severity {
    /// Every step.
    pub const ALL: [Severity; 5] = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The OpenTelemetry SeverityNumber: INFO, INFO2 (where syslog's Notice is put), WARN, ERROR, FATAL.
    pub fn open_telemetry(self) -> u8 {
        match self {
            Severity::Info => 9,
            Severity::Low => 10,
            Severity::Medium => 13,
            Severity::High => 17,
            Severity::Critical => 21,
        }
    }

    /// ECS `event.severity`, on the scale of Elastic's detection rules.
    pub fn elastic(self) -> u64 {
        match self {
            Severity::Info => 1,
            Severity::Low => 21,
            Severity::Medium => 47,
            Severity::High => 73,
            Severity::Critical => 99,
        }
    }

    /// OCSF `severity_id`.
    pub fn ocsf(self) -> u64 {
        self as u64 + 1
    }

    /// What Azure's own level amounts to. Error is no more than medium: every failed write carries it.
    pub fn of_level(level: Option<Level>) -> Severity {
        match level {
            Some(Level::Critical) => Severity::Critical,
            Some(Level::Error) => Severity::Medium,
            Some(Level::Warning) => Severity::Low,
            Some(Level::Informational | Level::Verbose) | None => Severity::Info,
        }
    }
}

impl FromStr for Severity {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Severity::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(name.trim()))
            .ok_or(())
    }
}
