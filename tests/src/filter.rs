//! The `$filter` of the Activity Log: a time range, and at most one equality term. Nothing else is accepted.

use thiserror::Error;

use crate::time::{self, Instant};

/// A filter that the service accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Events at or after this instant.
    pub start: Instant,
    /// Events at or before this instant.
    pub end: Option<Instant>,
    /// The one further term.
    pub term: Option<Term>,
}

/// A field compared with a text, letter case ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Which field.
    pub field: Field,
    /// The text, quotes undone.
    pub value: String,
}

/// The fields that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in the API")]
pub enum Field {
    ResourceGroupName,
    ResourceUri,
    ResourceProvider,
    CorrelationId,
}

/// Why a filter is refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "each message says it")]
pub enum FilterError {
    #[error("The '$filter' query option is required: give at least \"eventTimestamp ge '…'\".")]
    Missing,
    #[error("Syntax error at position {at} in '{text}'.")]
    Syntax { at: usize, text: String },
    #[error("The property '{0}' is not supported in $filter.")]
    Property(String),
    #[error("The operator '{operator}' is not supported for the property '{property}'.")]
    Operator { property: String, operator: String },
    #[error("The value '{0}' is not a UTC date and time.")]
    Time(String),
    #[error("The filter needs a lower bound: \"eventTimestamp ge '…'\".")]
    NoStart,
    #[error("The start time cannot be later than the end time.")]
    Reversed,
    #[error("The filter combines more terms than a time range and one equality: '{0}' is one too many.")]
    TooManyTerms(String),
}

impl Filter {
    /// Reads a decoded `$filter`.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let mut scanner = Scanner { text, at: 0 };
        let (mut start, mut end, mut term, mut channels) = (None, None, None, false);
        loop {
            let property = scanner.word()?;
            let operator = scanner.word()?;
            let value = scanner.quoted()?;
            let once = |taken: bool| {
                if taken {
                    Err(FilterError::TooManyTerms(property.clone()))
                } else {
                    Ok(())
                }
            };
            match (property.as_str(), operator.as_str()) {
                ("eventTimestamp", "ge") => {
                    once(start.is_some())?;
                    start = Some(time::parse_strict(&value).ok_or(FilterError::Time(value))?);
                }
                ("eventTimestamp", "le") => {
                    once(end.is_some())?;
                    end = Some(time::parse_strict(&value).ok_or(FilterError::Time(value))?);
                }
                ("eventChannels", "eq") => {
                    once(channels)?;
                    channels = true;
                }
                ("eventTimestamp" | "eventChannels", _) => {
                    return Err(FilterError::Operator { property, operator });
                }
                (name, operator) => {
                    let field = Field::named(name).ok_or_else(|| FilterError::Property(name.to_owned()))?;
                    if operator != "eq" {
                        let (property, operator) = (name.to_owned(), operator.to_owned());
                        return Err(FilterError::Operator { property, operator });
                    }
                    once(term.is_some())?;
                    term = Some(Term { field, value });
                }
            }
            if scanner.at_end() {
                break;
            }
            scanner.and()?;
        }
        let start = start.ok_or(FilterError::NoStart)?;
        if end.is_some_and(|end| end < start) {
            return Err(FilterError::Reversed);
        }
        Ok(Filter { start, end, term })
    }
}

impl Field {
    fn named(name: &str) -> Option<Field> {
        Some(match name {
            "resourceGroupName" => Field::ResourceGroupName,
            "resourceUri" => Field::ResourceUri,
            "resourceProvider" => Field::ResourceProvider,
            "correlationId" => Field::CorrelationId,
            _ => return None,
        })
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.rest().is_empty()
    }

    fn syntax<T>(&self) -> Result<T, FilterError> {
        Err(FilterError::Syntax {
            at: self.at,
            text: self.text.to_owned(),
        })
    }

    /// A property or an operator. Parentheses, and with them functions and groups, are no part of a word.
    fn word(&mut self) -> Result<String, FilterError> {
        self.skip_blanks();
        let end = self
            .rest()
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest().len());
        if end == 0 {
            return self.syntax();
        }
        let word = self.rest()[..end].to_owned();
        self.at += end;
        Ok(word)
    }

    /// A text in single quotes, in which two quotes stand for one.
    fn quoted(&mut self) -> Result<String, FilterError> {
        self.skip_blanks();
        let Some(body) = self.rest().strip_prefix('\'') else {
            return self.syntax();
        };
        let mut value = String::new();
        let mut characters = body.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                value.push(character);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                value.push('\'');
            } else {
                self.at += 1 + at + 1;
                return Ok(value);
            }
        }
        self.syntax()
    }

    fn and(&mut self) -> Result<(), FilterError> {
        let before = self.at;
        if self.word()? != "and" {
            self.at = before;
            return self.syntax();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: &str =
        "eventTimestamp ge '2026-05-04T10:00:00Z' and eventTimestamp le '2026-05-04T11:00:00.5Z'";

    #[test]
    fn documented_shapes_are_accepted() {
        let range = Filter::parse(RANGE).unwrap();
        assert_eq!(time::iso(range.start), "2026-05-04T10:00:00.0000000Z");
        assert_eq!(
            range.end.map(time::iso).as_deref(),
            Some("2026-05-04T11:00:00.5000000Z")
        );

        let open = Filter::parse("eventTimestamp ge '2026-05-04T10:00:00Z'").unwrap();
        assert_eq!(open.end, None);

        let cases = [
            (
                "resourceGroupName eq 'rg-web'",
                Field::ResourceGroupName,
                "rg-web",
            ),
            (
                "resourceUri eq '/subscriptions/x/y'",
                Field::ResourceUri,
                "/subscriptions/x/y",
            ),
            (
                "resourceProvider eq 'Microsoft.Network'",
                Field::ResourceProvider,
                "Microsoft.Network",
            ),
            ("correlationId eq 'it''s'", Field::CorrelationId, "it's"),
            (
                "eventChannels eq 'Admin, Operation' and correlationId eq 'c'",
                Field::CorrelationId,
                "c",
            ),
        ];
        for (more, field, value) in cases {
            let filter = Filter::parse(&format!("{RANGE} and {more}")).unwrap();
            assert_eq!(
                filter.term,
                Some(Term {
                    field,
                    value: value.to_owned()
                }),
                "{more}"
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            "",
            "eventTimestamp ge 2026-05-04T10:00:00Z",
            "eventTimestamp ge '2026-05-04T10:00:00'",
            "eventTimestamp ge '2026-05-04T10:00:00Z",
            "eventTimestamp gt '2026-05-04T10:00:00Z'",
            "eventTimestamp lt '2026-05-04T10:00:00Z'",
            "eventTimestamp le '2026-05-04T10:00:00Z'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' or eventTimestamp le '2026-05-04T10:00:00Z'",
            "not eventTimestamp ge '2026-05-04T10:00:00Z'",
            "(eventTimestamp ge '2026-05-04T10:00:00Z')",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and",
            "eventTimestamp ge '2026-05-04T10:00:00Z' AND correlationId eq 'c'",
            "eventTimestamp+ge+'2026-05-04T10:00:00Z'",
            "EventTimestamp ge '2026-05-04T10:00:00Z'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and level eq 'Error'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and startswith(caller,'a')",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and correlationId ne 'c'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and correlationId eq 'it's'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and correlationId eq c",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and correlationId eq 'c' and resourceUri eq 'r'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and eventTimestamp ge '2026-05-04T10:00:00Z'",
            "eventTimestamp ge '2026-05-04T10:00:00Z' and eventTimestamp le '2026-05-04T09:00:00Z'",
        ];
        for text in cases {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
