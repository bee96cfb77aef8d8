//! The shapes of event bodies.

mod ecs;

use std::str::FromStr;

pub use ecs::write as ecs;

/// What event bodies look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Elastic Common Schema.
    #[default]
    Ecs,
    /// Open Cybersecurity Schema Framework, API Activity.
    Ocsf,
    /// The envelope of AiSOC.
    Aisoc,
    /// The record as received.
    Raw,
}

impl Format {
    /// Every format, the default first.
    pub const ALL: [Format; 4] = [Format::Ecs, Format::Ocsf, Format::Aisoc, Format::Raw];

    /// Their names in the same order.
    pub const NAMES: [&str; 4] = ["ecs", "ocsf", "aisoc", "raw"];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        Format::NAMES[self as usize]
    }
}

/// The text names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such format; use one of ecs, ocsf, aisoc, raw")]
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
