//! One record's way from page to event.

use crate::facts::{Category, Facts};
use crate::format::Format;
use crate::json::{DEEPEST, Shape, Writer};
use crate::labels::Labels;
use crate::record::{Anomaly, Field, LocalizableString, Oddities, Part, Record};
use crate::rules::{DropRule, SeverityRow};
use crate::severity::Rater;
use crate::time::Timestamp;

/// What the operator wants.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The shape of event bodies.
    pub format: Format,
    /// What to leave out.
    pub drop: Vec<DropRule>,
    /// Ratings that win over the built-in ones.
    pub severity: Vec<SeverityRow>,
    /// What all events are marked with.
    pub labels: Labels,
}

/// One record, ready for a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The upstream identity, never empty.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// OpenTelemetry SeverityNumber, 0 when unknown.
    pub severity: u8,
    /// One JSON object on one line.
    pub body: String,
}

/// Something read that could not be made an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its identity, if that much could be read.
    pub id: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// The bytes as received.
    pub raw: Vec<u8>,
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

/// Makes events of records. Keeps its buffer from one to the next.
#[derive(Debug)]
pub struct Normalizer {
    format: Format,
    drop: Vec<DropRule>,
    rater: Rater,
    labels: Labels,
    output: Writer,
    anomalies: [u64; Anomaly::COUNT],
}

impl Normalizer {
    /// Prepares for records under these settings.
    pub fn new(settings: Settings) -> Self {
        Normalizer {
            format: settings.format,
            drop: settings.drop,
            rater: Rater::new(settings.severity),
            labels: settings.labels,
            output: Writer::default(),
            anomalies: [0; Anomaly::COUNT],
        }
    }

    /// Makes an event of a record, unless a rule leaves it out or it is none.
    // Inlined into its caller, it would be compiled for size with that.
    #[inline(never)]
    pub fn apply(&mut self, record: &Record<'_>) -> Outcome {
        if let Some(error) = record.error() {
            return reject(record, error.to_string());
        }
        if record.is_packed() {
            let unpacked = record.unpacked();
            let unpacked = record.read_unpacked(&unpacked);
            if unpacked.error().is_none() {
                return self.apply_plain(&unpacked);
            }
        }
        self.apply_plain(record)
    }

    #[inline(never)]
    fn apply_plain(&mut self, record: &Record<'_>) -> Outcome {
        let (Some(id), Some(time)) = (record.id(), record.time()) else {
            return reject(
                record,
                "it has no time between the years 1970 and 2554".to_owned(),
            );
        };
        let facts = Facts::of(record, id.to_owned(), time);
        if let Some(rule) = self.drop.iter().position(|rule| rule.matches(&facts)) {
            return Outcome::Dropped { rule };
        }
        let mut oddities = oddities(record, &facts);
        if oddities.has(Anomaly::TooDeep) && self.format.embeds() {
            self.count(oddities);
            let name = self.format.name();
            return reject(
                record,
                format!("it is nested more than {DEEPEST} levels deep, too deep for the format {name}"),
            );
        }
        let rating = self.rater.rate(record, &facts);
        let severity = rating.severity.open_telemetry();
        self.format
            .write(&mut self.output, record, &facts, &rating, &self.labels);
        let (body, replaced) = self.output.finish();
        oddities.note_if(replaced, Anomaly::InvalidUtf8);
        self.count(oddities);
        Outcome::Event(Event {
            id: facts.id,
            time,
            severity,
            body,
        })
    }

    /// The oddities absorbed since the last call: their kinds, and how many records showed each.
    pub fn take_anomalies(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.anomalies);
        Anomaly::ALL
            .iter()
            .map(|oddity| oddity.name())
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn count(&mut self, oddities: Oddities) {
        if oddities.is_empty() {
            return;
        }
        for oddity in Anomaly::ALL {
            self.anomalies[oddity as usize] += u64::from(oddities.has(oddity));
        }
    }
}

/// What is unusual about a record's form, and about what it says.
fn oddities(record: &Record<'_>, facts: &Facts<'_>) -> Oddities {
    let mut oddities = record.oddities();
    oddities.note_if(record.given_time().is_none(), Anomaly::OtherTime);
    oddities.note_if(!record.names_itself(), Anomaly::HashedId);
    let level = record.value(Field::Level);
    oddities.note_if(
        matches!(level.shape(), Shape::Number(_)) || !level.says_nothing() && facts.level.is_none(),
        Anomaly::OddLevel,
    );
    let category = Category::named(record.label(LocalizableString::CATEGORY).value());
    oddities.note_if(category.is_none(), Anomaly::OddCategory);
    let addresses = [facts.client, facts.token_client()];
    oddities.note_if(
        addresses.into_iter().flatten().any(|address| !address.is_ip),
        Anomaly::OddAddress,
    );
    if facts.category == Category::Policy && facts.policies.is_empty() {
        let policies = record.text_of(Part::Properties, "policies");
        let unread = policies.is_some_and(|text| text.raw() != b"[]");
        oddities.note_if(unread, Anomaly::BrokenJsonText);
    }
    oddities
}

fn reject(record: &Record<'_>, reason: String) -> Outcome {
    Outcome::Rejected(Rejected {
        id: record.id().map(str::to_owned),
        reason,
        raw: record.raw().to_vec(),
    })
}
