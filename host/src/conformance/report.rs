//! The outcome of an examination, for people and for machines.

use serde::Serialize;

use super::check::Check;
use super::findings::Findings;
use crate::redact::Redactor;
use crate::table;

/// What an examination came to.
#[derive(Debug, Serialize)]
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
    pub checks: Vec<Verdict>,
}

/// What one check came to.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The check.
    pub check: Check,
    /// The rule of the contract.
    pub rule: Option<u8>,
    /// What a source promises.
    pub promise: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// How often the promise was put to the test.
    pub looks: usize,
    /// What is wrong, or why it was not checked.
    pub details: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
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
        let checks: Vec<Verdict> = Check::ALL
            .into_iter()
            .map(|check| verdict(check, findings))
            .collect();
        Self {
            file,
            digest,
            source: Redactor::default().clean(source),
            conforms: checks.iter().all(|verdict| verdict.outcome != Outcome::Failed),
            obstacle: None,
            checks,
        }
    }

    pub(super) fn with_obstacle(mut self, obstacle: Option<String>) -> Self {
        self.obstacle = obstacle.map(|text| Redactor::default().clean(&text));
        self
    }

    /// As a table with the violations below it.
    pub fn to_text(&self) -> String {
        let head = ["RULE", "CHECK", "RESULT", "PROMISE"].map(str::to_owned).to_vec();
        let rows = self.checks.iter().map(|verdict| {
            vec![
                verdict
                    .rule
                    .map_or_else(|| "-".to_owned(), |rule| rule.to_string()),
                verdict.check.name().to_owned(),
                verdict.outcome.word().to_owned(),
                verdict.promise.to_owned(),
            ]
        });
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let mut text = table::layout(&rows);
        for (outcome, heading) in [
            (Outcome::Failed, "What is wrong:"),
            (Outcome::NotChecked, "What was not checked:"),
        ] {
            let lines = self.details(outcome);
            if !lines.is_empty() {
                text.push_str(&format!("\n{heading}\n{lines}"));
            }
        }
        if let Some(obstacle) = &self.obstacle {
            text.push_str(&format!("\nThe examination ended early: {obstacle}\n"));
        }
        text.push_str(&format!("\n{}\n", self.conclusion()));
        text
    }

    /// As one JSON document.
    pub fn to_json(&self) -> String {
        // Only maps with other keys than texts and failing writers make this fail; there are neither.
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{json}\n")
    }

    /// The details of all checks with this outcome, those that share one in one line.
    fn details(&self, outcome: Outcome) -> String {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for verdict in self.checks.iter().filter(|verdict| verdict.outcome == outcome) {
            for detail in &verdict.details {
                match lines.iter_mut().find(|(known, _)| known == detail) {
                    Some((_, names)) => *names += &format!(", {}", verdict.check.name()),
                    None => lines.push((detail, verdict.check.name().to_owned())),
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
            self.checks
                .iter()
                .filter(|verdict| verdict.outcome == outcome)
                .count()
        };
        let name = if self.source.is_empty() {
            &self.file
        } else {
            &self.source
        };
        format!(
            "{name}: {} checks passed, {} failed, {} not made",
            count(Outcome::Passed),
            count(Outcome::Failed),
            count(Outcome::NotChecked)
        )
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
        }
    }
}

fn verdict(check: Check, findings: &Findings) -> Verdict {
    let violations = findings.violations(check);
    let (outcome, details) = if !violations.is_empty() {
        (Outcome::Failed, violations.to_vec())
    } else if findings.looks(check) > 0 {
        (Outcome::Passed, Vec::new())
    } else {
        let reason = findings
            .skipped(check)
            .unwrap_or("the examination did not get that far");
        (Outcome::NotChecked, vec![reason.to_owned()])
    };
    Verdict {
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
        let text = report.to_text();
        for line in [
            "-     world           ok           imports nothing but stable WASI 0.2",
            "1     resume          FAILED       from every cursor exactly the rest is delivered",
            "  resume: event\u{fffd} 7 came twice",
            "  independence: there is one partition",
            "feed 1.0.0: 1 checks passed, 1 failed, 19 not made",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
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
