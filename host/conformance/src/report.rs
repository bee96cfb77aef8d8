//! The outcome of an examination, for people and for machines.

use std::fmt;

use headwater::redact::Redactor;
use serde::Serialize;

use super::check::Check;
use super::findings::Findings;

/// What an examination came to: serializable for machines, and as text a table with the violations below it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The component file.
    pub file: String,
    /// Its SHA-256 in lower-case hexadecimal; empty when it could not be loaded.
    pub digest: String,
    /// Name and version by its own description; empty when it gave none.
    pub source: String,
    /// Whether nothing was found wrong.
    pub conforms: bool,
    /// What ended the examination early.
    pub obstacle: Option<String>,
    /// Every check, in the order of the contract's rules.
    pub checks: Vec<CheckResult>,
}

/// What one check came to.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// The check.
    pub check: Check,
    /// The rule of the contract.
    pub rule: Option<u8>,
    /// What a source promises.
    pub promise: &'static str,
    /// How it went.
    pub outcome: CheckOutcome,
    /// How often the promise was put to the test.
    pub looks: usize,
    /// What is wrong, or why it was not checked.
    pub details: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckOutcome {
    /// The promise was kept.
    Passed,
    /// It was not.
    Failed,
    /// It was not put to the test.
    NotChecked,
}

impl Report {
    /// Whether nothing was found wrong and nothing stood in the way.
    pub fn passed(&self) -> bool {
        self.conforms && self.obstacle.is_none()
    }

    pub(super) fn new(file: String, digest: String, source: &str, findings: &Findings) -> Self {
        let checks: Vec<CheckResult> = Check::ALL
            .into_iter()
            .map(|check| result(check, findings))
            .collect();
        Self {
            file,
            digest,
            source: Redactor::default().clean(source),
            conforms: checks.iter().all(|result| result.outcome != CheckOutcome::Failed),
            obstacle: None,
            checks,
        }
    }

    pub(super) fn with_obstacle(mut self, obstacle: Option<String>) -> Self {
        self.obstacle = obstacle.map(|text| Redactor::default().clean(&text));
        self
    }

    /// The details of all checks with this outcome, those that share one in one line.
    fn details(&self, outcome: CheckOutcome) -> String {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for result in self.checks.iter().filter(|result| result.outcome == outcome) {
            for detail in &result.details {
                match lines.iter_mut().find(|(known, _)| known == detail) {
                    Some((_, names)) => *names += &format!(", {}", result.check.name()),
                    None => lines.push((detail, result.check.name().to_owned())),
                }
            }
        }
        lines
            .iter()
            .map(|(detail, names)| format!("  {names}: {detail}\n"))
            .collect()
    }

    fn conclusion(&self) -> String {
        let count = |outcome| {
            let results = self.checks.iter();
            results.filter(|result| result.outcome == outcome).count()
        };
        let name = if self.source.is_empty() {
            Redactor::default().clean(&self.file)
        } else {
            self.source.clone()
        };
        format!(
            "{name}: {} checks passed, {} failed, {} not made",
            count(CheckOutcome::Passed),
            count(CheckOutcome::Failed),
            count(CheckOutcome::NotChecked)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.checks.iter().map(|result| result.check.name().len());
        let width = names.max().unwrap_or(0);
        let mut row = |rule: &str, check: &str, outcome: &str, promise: &str| {
            writeln!(formatter, "{rule:4}  {check:width$}  {outcome:11}  {promise}")
        };
        row("RULE", "CHECK", "RESULT", "PROMISE")?;
        for result in &self.checks {
            let rule = result
                .rule
                .map_or_else(|| "-".to_owned(), |rule| rule.to_string());
            row(&rule, result.check.name(), result.outcome.word(), result.promise)?;
        }
        for (outcome, heading) in [
            (CheckOutcome::Failed, "What is wrong:"),
            (CheckOutcome::NotChecked, "What was not checked:"),
        ] {
            let lines = self.details(outcome);
            if !lines.is_empty() {
                write!(formatter, "\n{heading}\n{lines}")?;
            }
        }
        if let Some(obstacle) = &self.obstacle {
            writeln!(formatter, "\nThe examination ended early: {obstacle}")?;
        }
        writeln!(formatter, "\n{}", self.conclusion())
    }
}

impl CheckOutcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
        }
    }
}

fn result(check: Check, findings: &Findings) -> CheckResult {
    let violations = findings.violations(check);
    let (outcome, details) = if !violations.is_empty() {
        (CheckOutcome::Failed, violations.to_vec())
    } else if findings.looks(check) > 0 {
        (CheckOutcome::Passed, Vec::new())
    } else {
        let reason = findings
            .skipped(check)
            .unwrap_or("the examination did not get that far");
        (CheckOutcome::NotChecked, vec![reason.to_owned()])
    };
    CheckResult {
        check,
        rule: check.rule(),
        promise: check.promise(),
        outcome,
        looks: findings.looks(check),
        // Texts of the source are part of them.
        details: details
            .iter()
            .map(|text| Redactor::default().clean(text))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_kept_broken_and_untested_promises_apart() {
        let mut findings = Findings::default();
        findings.expect(Check::World, true, String::new);
        findings.expect(Check::Resume, true, String::new);
        findings.expect(Check::Resume, false, || "event\u{1b} 7 came twice".to_owned());
        findings.skip(Check::Independence, "there is one partition");
        let report = Report::new("x.wasm".to_owned(), "ab".repeat(32), "feed 1.0.0", &findings);
        assert!(!report.passed());
        let text = report.to_string();
        for line in [
            "-     world               ok           imports nothing but what the contract lists",
            "1     resume              FAILED       from every cursor exactly the rest is delivered",
            "  resume: event\u{fffd} 7 came twice",
            "  independence: there is one partition",
            "feed 1.0.0: 1 checks passed, 1 failed, 23 not made",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(json["conforms"], false);
        let resume = &json["checks"][8];
        assert_eq!(
            (&resume["check"], &resume["outcome"], &resume["rule"]),
            (&"resume".into(), &"failed".into(), &1.into())
        );
    }

    #[test]
    fn an_obstacle_is_no_pass() {
        let report = Report::new(String::new(), String::new(), "", &Findings::default());
        assert!(report.passed());
        assert!(!report.with_obstacle(Some("login refused".to_owned())).passed());
    }

    #[test]
    fn machines_and_people_read_the_same_names() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
    }
}
