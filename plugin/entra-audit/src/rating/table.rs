//! The table of activities.

use std::sync::OnceLock;

use super::condition::Condition;
use super::{Severity, normalized};

const TABLE: &str = include_str!("activities.tsv");

/// A row.
#[derive(Debug)]
pub struct Row {
    /// The activity as Microsoft Entra writes it; `*` at its end stands for anything.
    pub activity: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// When it is that serious, and how serious it is otherwise.
    pub condition: Option<(Condition, Severity)>,
    /// Techniques of MITRE ATT&CK.
    pub techniques: Vec<&'static str>,
    /// Why.
    pub reason: &'static str,
    /// Public rules and tables that rate it, with the severity that each gives.
    pub evidence: &'static str,
    start: String,
}

impl Row {
    /// Whether it is about an activity, whose name is [`normalized`].
    pub fn matches(&self, activity: &str) -> bool {
        match self.activity.ends_with('*') {
            true => activity.starts_with(&self.start),
            false => activity == self.start,
        }
    }

    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut field = || fields.next();
        let (activity, severity, condition, otherwise) = (field()?, field()?, field()?, field()?);
        let (techniques, reason, evidence) = (field()?, field()?, field()?);
        let condition = match condition {
            "-" => None,
            name => Some((Condition::named(name)?, Severity::named(otherwise)?)),
        };
        Some(Self {
            activity,
            severity: Severity::named(severity)?,
            condition,
            techniques: techniques.split(',').filter(|id| *id != "-").collect(),
            reason,
            evidence,
            start: normalized(activity.trim_end_matches('*')),
        })
    }
}

/// Every row; the first that matches counts.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| TABLE.lines().skip(1).filter_map(Row::read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_is_reached_and_says_why() {
        assert_eq!(rows().len(), TABLE.lines().count() - 1);
        for (index, row) in rows().iter().enumerate() {
            assert!(
                !row.reason.is_empty() && !row.evidence.is_empty(),
                "{}",
                row.activity
            );
            let first = rows().iter().position(|other| other.matches(&row.start));
            assert_eq!(first, Some(index), "{}", row.activity);
        }
    }
}
