//! One entry of an activity log, and when it comes into sight.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use crate::filter::{Field, Term};
use crate::scenario::bulk::Recipe;
use crate::time::Instant;

/// An event, as the API would show it.
#[derive(Clone, Debug)]
pub struct Event {
    /// `eventTimestamp`.
    pub time: Instant,
    /// From when on a query shows it. Azure calls this `submissionTimestamp`; it can be minutes later than `time`.
    pub visible_at: Instant,
    body: Body,
}

/// Load tests hold hundreds of thousands of events: those are kept as a number and written when they are asked for.
#[derive(Clone, Debug)]
enum Body {
    Written { id: Box<str>, text: Box<str> },
    Recipe { recipe: Arc<Recipe>, number: u32 },
}

/// Why a text cannot stand in a log.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is no JSON.
    #[error("not JSON")]
    Json(#[from] serde_json::Error),
    /// A field without which the event cannot be placed.
    #[error("'{0}' is missing or not readable")]
    Field(&'static str),
}

impl Event {
    /// An event with its JSON text, which may be as odd as it likes: nothing is read from it.
    pub fn new(id: &str, time: Instant, visible_at: Instant, text: String) -> Event {
        Event {
            time,
            visible_at,
            body: Body::Written {
                id: id.into(),
                text: text.into(),
            },
        }
    }

    /// Reads id and times from the text: `eventDataId`, `eventTimestamp`, and `submissionTimestamp`, which is when it
    /// comes into sight.
    pub fn from_json(text: String) -> Result<Event, EventError> {
        let value: Value = serde_json::from_str(&text)?;
        let field = |name| value[name].as_str().ok_or(EventError::Field(name));
        let instant = |name| {
            field(name)?
                .parse::<Instant>()
                .map_err(|_| EventError::Field(name))
        };
        let (time, visible_at) = (instant("eventTimestamp")?, instant("submissionTimestamp")?);
        let id = field("eventDataId")?.to_owned();
        Ok(Event::new(&id, time, visible_at, text))
    }

    /// The event that a recipe writes under a number.
    pub(crate) fn from_recipe(recipe: Arc<Recipe>, number: u32) -> Event {
        let (time, visible_at) = recipe.times(number);
        Event {
            time,
            visible_at,
            body: Body::Recipe { recipe, number },
        }
    }

    /// `eventDataId`.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Written { id, .. } => Cow::Borrowed(id),
            Body::Recipe { recipe, number } => Cow::Owned(recipe.id(*number)),
        }
    }

    /// The JSON text, byte for byte as a page carries it.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Written { text, .. } => Cow::Borrowed(text),
            Body::Recipe { recipe, number } => Cow::Owned(recipe.write(*number)),
        }
    }

    /// Whether a filter's equality term holds.
    pub fn matches(&self, term: &Term) -> bool {
        let Ok(event) = serde_json::from_str::<Value>(&self.text()) else {
            return false;
        };
        let found = match term.field {
            Field::ResourceGroupName => event["resourceGroupName"].as_str(),
            Field::ResourceUri => event["resourceId"].as_str(),
            Field::ResourceProvider => event["resourceProviderName"]["value"].as_str(),
            Field::CorrelationId => event["correlationId"].as_str(),
        };
        found.is_some_and(|found| found.eq_ignore_ascii_case(&term.value))
    }
}
