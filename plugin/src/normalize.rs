//! One record's way from page to event.

use crate::contract::{Event, Rejected};
use crate::event::Record;
use crate::facts::Facts;
use crate::format::{self, Format};
use crate::json::Output;
use crate::rules::{DropRule, SeverityRow};
use crate::severity;

/// What the operator wants.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The shape of event bodies.
    pub format: Format,
    /// What to leave out.
    pub drop: Vec<DropRule>,
    /// Ratings that win over the built-in ones.
    pub severity: Vec<SeverityRow>,
}

/// What a record's surroundings know about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The display name of its subscription.
    pub subscription_name: Option<&'a str>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is an event.
    Event(Event),
    /// A rule of the operator leaves it out.
    Dropped {
        /// The rule's place in [`Settings::drop`].
        rule: usize,
    },
    /// It cannot be made an event.
    Rejected(Rejected),
}

/// Makes events of records.
#[derive(Debug)]
pub struct Normalizer {
    settings: Settings,
    output: Output,
    anomalies: Vec<(&'static str, u64)>,
}

impl Normalizer {
    /// Prepares for records under these settings.
    pub fn new(settings: Settings) -> Self {
        Normalizer {
            settings,
            output: Output::default(),
            anomalies: Vec::new(),
        }
    }

    /// Makes an event of a record, unless a rule leaves it out or it is none.
    pub fn apply(&mut self, record: &Record<'_>, _context: &Context<'_>) -> Outcome {
        if let Some(flaw) = record.flaw() {
            return reject(record, flaw.to_string());
        }
        let facts = Facts::of(record);
        if let Some(rule) = self.settings.drop.iter().position(|rule| rule.matches(&facts)) {
            return Outcome::Dropped { rule };
        }
        let (Some(id), Some(time)) = (record.id(), record.time()) else {
            return reject(record, "it has no usable time".to_owned());
        };
        let severity = severity::rate(&facts);
        format::ecs(&mut self.output, record, &facts, severity);
        let (body, lossy) = self.output.finish();
        if lossy {
            self.count("invalid_utf8");
        }
        Outcome::Event(Event {
            id: id.into_owned(),
            time,
            severity: severity.open_telemetry(),
            body,
        })
    }

    /// The oddities absorbed since the last call, by kind.
    pub fn take_anomalies(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.anomalies)
    }

    fn count(&mut self, kind: &'static str) {
        match self.anomalies.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.anomalies.push((kind, 1)),
        }
    }
}

fn reject(record: &Record<'_>, reason: String) -> Outcome {
    Outcome::Rejected(Rejected {
        id: record.id().map(|id| id.into_owned()),
        reason,
        raw: record.raw().to_vec(),
    })
}
