use std::borrow::Cow;

use super::path::{after_first, after_last, first_segment, last_segment};
use crate::json::Text;
use crate::record::{Field, LocalizableString, Part, Record};

/// What follows the resource in the `id` of a record, and a slash behind it.
const EVENTS: &[u8] = b"/events";

/// What a record is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// Its id as given, else what the authorization or the record's own `id` names; letter case varies even inside one
    /// record.
    pub id: Option<Text<'a>>,
    /// Its type, `Provider/type`.
    pub kind: Option<Text<'a>>,
    given_group: Option<Text<'a>>,
    given_provider: Option<Text<'a>>,
    given_subscription: Option<Text<'a>>,
}

impl<'a> Resource<'a> {
    /// Reads it.
    pub fn of(record: &Record<'a>) -> Self {
        Resource {
            id: record
                .text(Field::ResourceId)
                .or_else(|| record.text_of(Part::Authorization, "scope"))
                .or_else(|| before_events(record.text(Field::Id)?)),
            kind: record.label(LocalizableString::RESOURCE_TYPE).value(),
            given_group: record.text(Field::ResourceGroupName),
            given_provider: record.label(LocalizableString::RESOURCE_PROVIDER).value(),
            given_subscription: record.text(Field::SubscriptionId),
        }
    }

    /// Its resource group: as given, else from its id.
    pub fn group(&self) -> Cow<'a, [u8]> {
        match self.given_group {
            Some(text) => text.decoded(),
            None => after_last(&decoded(self.id), b"resourceGroups").unwrap_or_default(),
        }
    }

    /// The segment of its id behind the last one that is `word`.
    pub fn behind(&self, word: &[u8]) -> Option<Cow<'a, [u8]>> {
        after_last(&decoded(self.id), word)
    }

    /// The last segment of its id.
    pub fn name(&self) -> Cow<'a, [u8]> {
        last_segment(&decoded(self.id))
    }

    /// The namespace that it belongs to: what follows the last `/providers/` of its id, else the record's provider.
    pub fn provider(&self) -> Cow<'a, [u8]> {
        after_last(&decoded(self.id), b"providers")
            .unwrap_or_else(|| first_segment(&decoded(self.given_provider)))
    }

    /// The subscription: as given, else from its id.
    pub fn subscription(&self) -> Cow<'a, [u8]> {
        match self.given_subscription {
            Some(text) => text.decoded(),
            None => after_first(&decoded(self.id), b"/subscriptions/"),
        }
    }
}

/// The resource in the `id` of a record: `{resource}/events/{id of the event}/ticks/{number}`. Each slash may be written `\/`.
fn before_events(id: Text<'_>) -> Option<Text<'_>> {
    let raw = id.raw();
    let slash = raw.windows(EVENTS.len()).enumerate().rev().find(|(at, window)| {
        let behind = &raw[at + EVENTS.len()..];
        window.eq_ignore_ascii_case(EVENTS) && (behind.starts_with(b"/") || behind.starts_with(br"\/"))
    });
    let slash = slash?.0;
    // Two backslashes are one that is meant; an odd one belongs to the slash.
    let backslashes = raw[..slash]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count();
    id.part(0, slash - backslashes % 2)
}

fn decoded(text: Option<Text<'_>>) -> Cow<'_, [u8]> {
    text.map(Text::decoded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_resource_however_its_slashes_are_written() {
        for (id, expected) in [
            (r"/subscriptions/1/events/e/ticks/2", Some("/subscriptions/1")),
            (r"/subscriptions/1\/events/e/ticks/2", Some("/subscriptions/1")),
            (
                r"\/subscriptions\/1\/Events\/e\/ticks\/2",
                Some("/subscriptions/1"),
            ),
            (r"/events/1\\/events\/e", Some(r"/events/1\")),
            (r"/eventsof/1", None),
            (r"/subscriptions/1/events", None),
            (r"/events/", None),
        ] {
            let record = format!(r#"{{"id":"{id}"}}"#);
            let resource = Resource::of(&Record::read(record.as_bytes()));
            let found = resource
                .id
                .map(|id| String::from_utf8_lossy(&id.decoded()).into_owned());
            assert_eq!(found.as_deref(), expected, "{id}");
        }
    }
}
