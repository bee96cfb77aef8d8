use std::str::FromStr;

use crate::json::Value;

/// How serious Azure says it is, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `Critical`, 1.
    Critical,
    /// `Error`, 2.
    Error,
    /// `Warning`, 3.
    Warning,
    /// `Informational`, also `Information`, 4.
    Informational,
    /// `Verbose`, 5.
    Verbose,
}

impl Level {
    /// Every level in the order of their numbers, which begin at 1.
    pub const ALL: [Level; 5] = [
        Level::Critical,
        Level::Error,
        Level::Warning,
        Level::Informational,
        Level::Verbose,
    ];

    /// The name that Azure gives it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Critical => "Critical",
            Level::Error => "Error",
            Level::Warning => "Warning",
            Level::Informational => "Informational",
            Level::Verbose => "Verbose",
        }
    }

    /// The level of a record: a name, or a number, as Azure sent for some weeks of 2024 (azure-sdk-for-go#22408).
    pub fn of(value: Value<'_>) -> Option<Level> {
        match value {
            Value::Text(text) => text.to_str().parse().ok(),
            Value::Number(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let named = Level::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text));
        let numbered = || {
            Level::ALL
                .into_iter()
                .zip(1..)
                .find(|(_, number)| text.parse() == Ok(*number))
        };
        match text {
            _ if named.is_some() => named.ok_or(()),
            _ if text.eq_ignore_ascii_case("information") => Ok(Level::Informational),
            _ => numbered().map(|(level, _)| level).ok_or(()),
        }
    }
}
