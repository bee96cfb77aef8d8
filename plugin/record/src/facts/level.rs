use std::str::FromStr;

use crate::json::{Shape, Value};

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
        match value.shape() {
            Shape::Text(text) => {
                let named = Level::ALL.into_iter().find(|level| text.is(level.name()));
                named.or_else(|| text.to_str().parse().ok())
            }
            Shape::Number(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let named = |level: &Level| level.name().eq_ignore_ascii_case(text);
        if let Some(level) = Level::ALL.into_iter().find(named) {
            return Ok(level);
        }
        if text.eq_ignore_ascii_case("information") {
            return Ok(Level::Informational);
        }
        let number: usize = text.parse().map_err(|_| ())?;
        let index = number.checked_sub(1).ok_or(())?;
        Level::ALL.get(index).copied().ok_or(())
    }
}
