use std::borrow::Cow;

use super::path::{after_first, after_last, first_segment, last_segment};
use crate::event::{Field, Label, Record};
use crate::json::Text;

/// What a record is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// Its id as given; letter case varies even inside one record.
    pub id: Option<Text<'a>>,
    /// The last segment of its id.
    pub name: Cow<'a, [u8]>,
    /// Its type, `Provider/type`.
    pub kind: Option<Text<'a>>,
    /// Its resource group.
    pub group: Option<Text<'a>>,
    /// The namespace that it belongs to: what follows the last `/providers/` of its id, else the record's provider.
    pub provider: Cow<'a, [u8]>,
    /// The subscription: as given, else from its id.
    pub subscription: Cow<'a, [u8]>,
}

impl<'a> Resource<'a> {
    /// Reads it.
    pub fn of(record: &Record<'a>) -> Self {
        let id = record.text(Field::ResourceId);
        let path = id.map(Text::decoded).unwrap_or_default();
        let provider = after_last(&path, b"providers").unwrap_or_else(|| {
            let given = record
                .label(Label::RESOURCE_PROVIDER)
                .value()
                .map(Text::decoded)
                .unwrap_or_default();
            first_segment(&given)
        });
        let subscription = match record.text(Field::SubscriptionId) {
            Some(text) => text.decoded(),
            None => after_first(&path, b"/subscriptions/"),
        };
        Resource {
            id,
            name: last_segment(&path),
            kind: record.label(Label::RESOURCE_TYPE).value(),
            group: record.text(Field::ResourceGroupName),
            provider,
            subscription,
        }
    }
}
