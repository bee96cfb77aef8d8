//! How serious an activity is, and why: the rows of `rating/activities.tsv`, and a base for everything else.

mod condition;
mod sign_in;
mod table;

pub use condition::Condition;
pub use sign_in::rate_sign_in;
pub use table::{Row, rows};

use crate::facts::{Facts, Outcome};

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
    const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }

    /// The OpenTelemetry SeverityNumber: INFO, INFO2, WARN, ERROR, FATAL.
    pub fn open_telemetry(self) -> u8 {
        match self {
            Self::Info => 9,
            Self::Low => 10,
            Self::Medium => 13,
            Self::High => 17,
            Self::Critical => 21,
        }
    }

    /// ECS `event.severity`, on the scale of Elastic's detection rules.
    pub fn elastic(self) -> u64 {
        match self {
            Self::Info => 1,
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }
}

/// A record's rating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// How serious.
    pub severity: Severity,
    /// Which row said so: its activity, or `base`.
    pub rule: String,
    /// Why.
    pub reason: &'static str,
    /// Techniques of MITRE ATT&CK.
    pub techniques: Vec<&'static str>,
}

/// Rates a record. What failed is no more than medium, since nothing has changed.
pub fn rate(facts: &Facts<'_>) -> Rating {
    let activity = normalized(facts.activity());
    let has_failed = facts.outcome() == Outcome::Failure;
    let Some(row) = rows().iter().find(|row| row.matches(&activity)) else {
        let (severity, reason) = match has_failed {
            true => (Severity::Low, "failed, and may be an attempt"),
            false => (Severity::Info, "an activity that is not in the table"),
        };
        return Rating {
            severity,
            rule: "base".to_owned(),
            reason,
            techniques: Vec::new(),
        };
    };
    let severity = match &row.condition {
        Some((condition, otherwise)) if !condition.holds(facts) => *otherwise,
        _ => row.severity,
    };
    let most = if has_failed {
        Severity::Medium
    } else {
        Severity::Critical
    };
    Rating {
        severity: severity.min(most),
        rule: row.activity.to_owned(),
        reason: row.reason,
        techniques: row.techniques.clone(),
    }
}

/// An activity's name in the form in which names are compared: lower case, single blanks, plain dashes. Microsoft Entra writes
/// `Update application – Certificates and secrets management `.
pub fn normalized(activity: &str) -> String {
    let plain = activity.replace(['\u{2013}', '\u{2014}'], "-").to_lowercase();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
