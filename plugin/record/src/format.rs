//! The shapes of event bodies.

mod activity;
mod aisoc;
mod ecs;
mod elastic;
mod map;
mod members;
mod nested;
mod ocsf;
mod otel;
mod raw;
mod security;
mod sentence;

use std::str::FromStr;

use crate::facts::Facts;
use crate::json::Writer;
use crate::labels::Labels;
use crate::record::Record;
use crate::severity::Rating;

/// The version of what the fields of our own formats mean, in every event of them: raised when one is renamed or gets another
/// meaning.
const MAPPING_VERSION: &str = "2";

/// What event bodies look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Elastic Common Schema.
    #[default]
    Ecs,
    /// What Elastic's integration for this log makes of a record.
    Elastic,
    /// Open Cybersecurity Schema Framework, API Activity.
    Ocsf,
    /// A log record of OpenTelemetry.
    Otel,
    /// The envelope of AiSOC.
    Aisoc,
    /// The record as received.
    Raw,
}

impl Format {
    /// Every format, the default first.
    pub const ALL: [Format; 6] = [
        Format::Ecs,
        Format::Elastic,
        Format::Ocsf,
        Format::Otel,
        Format::Aisoc,
        Format::Raw,
    ];

    /// Their names in the same order.
    pub const NAMES: [&str; 6] = ["ecs", "elastic", "ocsf", "otel", "aisoc", "raw"];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        Format::NAMES[self as usize]
    }

    /// Whether a body holds the record as JSON rather than as text, so that its nesting becomes the body's.
    pub fn embeds(self) -> bool {
        matches!(self, Format::Aisoc | Format::Raw)
    }

    /// Writes the body of a record's event.
    pub fn write(
        self,
        output: &mut Writer,
        record: &Record<'_>,
        facts: &Facts<'_>,
        rating: &Rating<'_>,
        labels: &Labels,
    ) {
        match self {
            Format::Ecs => ecs::write(output, record, facts, rating, labels),
            Format::Elastic => elastic::write(output, record, facts, rating, labels),
            Format::Ocsf => ocsf::write(output, record, facts, rating, labels),
            Format::Otel => otel::write(output, record, facts, rating, labels),
            Format::Aisoc => aisoc::write(output, record, facts, rating.severity),
            Format::Raw => raw::write(output, record),
        }
    }
}

/// The text names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such format; use one of ecs, elastic, ocsf, otel, aisoc, raw")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}
