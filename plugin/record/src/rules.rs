//! The operator's own rules: which records to leave out, and which operations to rate otherwise.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::facts::{Category, Facts, Level, word};
use crate::pattern::Pattern;
use crate::severity::Severity;

/// Something wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer from the rule to the offending place; empty for the rule itself.
    pub pointer: String,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

/// Which records to leave out. All given parts must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRule {
    label: String,
    operation: Option<Pattern>,
    category: Option<Category>,
    level: Option<Level>,
    status: Option<Vec<u8>>,
}

/// A rating by the operator: the first row that matches wins over everything else, up or down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityRow {
    /// Which operations.
    pub operation: Pattern,
    /// How serious they are.
    pub severity: Severity,
    /// ATT&CK technique ids; without any, those of the built-in table stay.
    pub techniques: Vec<String>,
}

/// What is left out unless the operator says otherwise: routine reads.
pub fn default_drop() -> Vec<DropRule> {
    DropRule::from_json(&Value::from("*/read")).into_iter().collect()
}

impl DropRule {
    /// Reads a rule: an operation pattern, or an object with any of `operation`, `category`, `level` and `status`.
    pub fn from_json(value: &Value) -> Result<Self, Vec<Problem>> {
        if let Value::String(text) = value {
            let mut problems = Problems::default();
            let operation = problems.pattern("", text);
            return problems.or(DropRule {
                label: text.trim().to_owned(),
                operation,
                category: None,
                level: None,
                status: None,
            });
        }
        let mut problems = Problems::default();
        let Some(parts) = value.as_object() else {
            problems.add("", "a drop rule is an operation pattern, or an object with `operation`, `category`, `level` or `status`");
            return Err(problems.0);
        };
        problems.unknown_keys(parts, &["operation", "category", "level", "status"]);
        if parts.is_empty() {
            problems.add("", "an empty drop rule would drop everything; give at least one of `operation`, `category`, `level` and `status`");
        }
        let operation = problems
            .text(parts, "operation")
            .and_then(|text| problems.pattern("/operation", text));
        let category = problems.one_of(parts, "category", &Category::ALL.map(Category::name));
        let level = problems.one_of(parts, "level", &Level::ALL.map(Level::name));
        let status = problems.text(parts, "status").map(|text| word(text.as_bytes()));
        let described = ["operation", "category", "level", "status"]
            .into_iter()
            .filter_map(|key| {
                parts
                    .get(key)?
                    .as_str()
                    .map(|text| format!("{key}={}", text.trim()))
            });
        let label = described.collect::<Vec<_>>().join(" ");
        problems.or(DropRule {
            label,
            operation,
            category,
            level,
            status,
        })
    }

    /// What to call the rule where drops are counted.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether a record is to be left out.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.operation.as_ref().is_none_or(|pattern| {
            !facts.operation.lower.is_empty() && pattern.matches(&facts.operation.lower)
        }) && self.category.is_none_or(|category| category == facts.category)
            && self.level.is_none_or(|level| Some(level) == facts.level)
            && self
                .status
                .as_ref()
                .is_none_or(|status| facts.status.is_some_and(|text| word(&text.decoded()) == *status))
    }
}

impl SeverityRow {
    /// Reads a row: `operation`, `severity`, and optionally `technique`, one id or a list.
    pub fn from_json(value: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let Some(parts) = value.as_object() else {
            problems.add(
                "",
                "a severity row is an object with `operation`, `severity` and, if wanted, `technique`",
            );
            return Err(problems.0);
        };
        problems.unknown_keys(parts, &["operation", "severity", "technique"]);
        for key in ["operation", "severity"] {
            if !parts.contains_key(key) {
                problems.add("", &format!("`{key}` is missing"));
            }
        }
        let operation = problems
            .text(parts, "operation")
            .and_then(|text| problems.pattern("/operation", text));
        let severity = problems.one_of(parts, "severity", &Severity::ALL.map(Severity::name));
        let techniques = problems.techniques(parts.get("technique"));
        match (operation, severity) {
            (Some(operation), Some(severity)) => problems.or(SeverityRow {
                operation,
                severity,
                techniques,
            }),
            _ => Err(problems.0),
        }
    }
}

/// Collects everything that is wrong with a rule.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, pointer: &str, message: &str) {
        self.0.push(Problem {
            pointer: pointer.to_owned(),
            message: message.to_owned(),
        });
    }

    fn or<T>(self, rule: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(rule) } else { Err(self.0) }
    }

    fn unknown_keys(&mut self, parts: &Map<String, Value>, known: &[&str]) {
        for key in parts.keys().filter(|key| !known.contains(&key.as_str())) {
            let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            self.add(
                &pointer,
                &format!("`{key}` is unknown here; use {}", known.join(", ")),
            );
        }
    }

    fn text<'v>(&mut self, parts: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
        match parts.get(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            _ => {
                self.add(
                    &format!("/{key}"),
                    &format!("`{key}` must be text that is not empty"),
                );
                None
            }
        }
    }

    fn one_of<T: FromStr>(&mut self, parts: &Map<String, Value>, key: &str, names: &[&str]) -> Option<T> {
        let text = self.text(parts, key)?;
        let found = text.parse().ok();
        if found.is_none() {
            let names = names.join(", ");
            self.add(
                &format!("/{key}"),
                &format!("`{text}` is not a valid {key}; use one of {names}"),
            );
        }
        found
    }

    fn pattern(&mut self, pointer: &str, text: &str) -> Option<Pattern> {
        Pattern::parse(text)
            .map_err(|error| self.add(pointer, &error.to_string()))
            .ok()
    }

    fn techniques(&mut self, value: Option<&Value>) -> Vec<String> {
        let items = match value {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(i, item)| (format!("/technique/{i}"), item))
                .collect(),
            Some(item) => vec![("/technique".to_owned(), item)],
        };
        let mut techniques = Vec::new();
        for (pointer, item) in items {
            match item.as_str().map(str::trim) {
                Some(id) if is_technique(id) => techniques.push(id.to_owned()),
                _ => self.add(
                    &pointer,
                    "a technique is an ATT&CK id such as `T1098` or `T1098.003`",
                ),
            }
        }
        techniques
    }
}

/// Whether `id` is `T` and four digits, possibly with a dot and three more.
pub(crate) fn is_technique(id: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = id.strip_prefix('T') else {
        return false;
    };
    match number.split_once('.') {
        Some((parent, sub)) => digits(parent, 4) && digits(sub, 3),
        None => digits(number, 4),
    }
}
