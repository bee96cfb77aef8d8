//! What an examination has found so far.

use std::collections::BTreeMap;

use super::check::Check;

/// Violations shown of one check; more of the same kind tell nothing new.
const MOST_VIOLATIONS: usize = 5;

/// For each check how often it was looked at, what was wrong, and why it was not looked at.
#[derive(Debug, Default)]
pub(super) struct Findings {
    looks: BTreeMap<Check, usize>,
    violations: BTreeMap<Check, Vec<String>>,
    skipped: BTreeMap<Check, String>,
}

impl Findings {
    /// Notes that a check was made, and what is wrong unless it `holds`. The text is cleaned for terminals by the
    /// report.
    pub(super) fn expect(&mut self, check: Check, holds: bool, otherwise: impl FnOnce() -> String) {
        *self.looks.entry(check).or_default() += 1;
        if holds {
            return;
        }
        let violations = self.violations.entry(check).or_default();
        let violation = otherwise();
        if violations.len() < MOST_VIOLATIONS && !violations.contains(&violation) {
            violations.push(violation);
        }
    }

    /// Notes why a check cannot be made. What was made all the same counts more.
    pub(super) fn skip(&mut self, check: Check, reason: impl Into<String>) {
        self.skipped.entry(check).or_insert_with(|| reason.into());
    }

    pub(super) fn looks(&self, check: Check) -> usize {
        self.looks.get(&check).copied().unwrap_or(0)
    }

    pub(super) fn violations(&self, check: Check) -> &[String] {
        self.violations.get(&check).map_or(&[], Vec::as_slice)
    }

    pub(super) fn skipped(&self, check: Check) -> Option<&str> {
        self.skipped.get(&check).map(String::as_str)
    }
}
