//! One dead letter: a line of a dead-letter file, or a row of a database.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{Attribute, Event, RefusedEvent, Rejected};

/// What could not become an event, or what a sink refused permanently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Letter {
    /// When it was kept, in RFC 3339; none in files of hosts that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Whose it is.
    pub source: String,
    /// Where it was read.
    pub partition: String,
    /// The upstream's identity of it, if that much is known.
    pub id: Option<String>,
    /// Why it is here.
    pub reason: String,
    /// What was read, or the event's body, where that is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The same where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_base64: Option<String>,
    /// For an event that a sink refused: what is needed to deliver it after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<LetterEvent>,
}

/// What a letter says about the event in it, beside its id and its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LetterEvent {
    /// When it happened, in nanoseconds since 1970; none when its source does not know.
    pub time: Option<u64>,
    /// OpenTelemetry SeverityNumber.
    pub severity: u8,
    /// What is true of this event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// What is true of each event of its partition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition_attributes: BTreeMap<String, String>,
}

impl Letter {
    pub(super) fn new(source: &str, partition: &str, item: &Rejected, now: SystemTime) -> Self {
        let mut letter = Self {
            time: Some(DateTime::<Utc>::from(now).to_rfc3339_opts(SecondsFormat::Millis, true)),
            source: source.to_owned(),
            partition: partition.to_owned(),
            id: item.id.clone(),
            reason: item.reason.clone(),
            raw: None,
            raw_base64: None,
            event: item.refused.as_deref().map(LetterEvent::new),
        };
        letter.set_content(&item.raw);
        letter
    }

    /// Says what was read.
    pub(super) fn set_content(&mut self, raw: &[u8]) {
        match std::str::from_utf8(raw) {
            Ok(text) => self.raw = Some(text.to_owned()),
            Err(_) => self.raw_base64 = Some(BASE64_STANDARD.encode(raw)),
        }
    }

    /// The letter as a line with its end.
    pub(super) fn to_line(&self) -> String {
        // A struct of texts and numbers is always valid JSON, and JSON text holds no raw line end.
        format!("{}\n", serde_json::json!(self))
    }

    /// The event in it, which a sink may accept by now; none for what never was an event.
    pub fn to_event(&self) -> Option<Event> {
        let event = self.event.as_ref()?;
        Some(Event {
            id: self.id.clone()?,
            time: event.time,
            severity: event.severity,
            attributes: attributes(&event.attributes),
            body: self.raw.clone()?,
        })
    }

    /// What is true of each event of its partition, as far as the letter says it.
    pub fn partition_attributes(&self) -> Vec<Attribute> {
        let event = self.event.as_ref();
        event
            .map(|event| attributes(&event.partition_attributes))
            .unwrap_or_default()
    }

    /// What was read, as text for people.
    pub fn content(&self) -> Cow<'_, str> {
        match (&self.raw, &self.raw_base64) {
            (Some(text), _) => Cow::Borrowed(text),
            (None, Some(encoded)) => Cow::Owned(format!("(base64) {encoded}")),
            (None, None) => Cow::Borrowed(""),
        }
    }
}

impl LetterEvent {
    pub(super) fn new(event: &RefusedEvent) -> Self {
        let RefusedEvent {
            time,
            severity,
            attributes,
            partition_attributes,
        } = event;
        let texts = |attributes: &[Attribute]| {
            let texts = attributes.iter();
            texts
                .map(|attribute| (attribute.name.clone(), attribute.value.clone()))
                .collect()
        };
        Self {
            time: *time,
            severity: *severity,
            attributes: texts(attributes),
            partition_attributes: texts(partition_attributes),
        }
    }
}

fn attributes(texts: &BTreeMap<String, String>) -> Vec<Attribute> {
    let attribute = |(name, value): (&String, &String)| Attribute {
        name: name.clone(),
        value: value.clone(),
    };
    texts.iter().map(attribute).collect()
}
