use super::Part;
use crate::json::{Scanner, Shape, Text};

/// The fields of a record that hold one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `caller`
    Caller,
    /// `channels`
    Channels,
    /// `correlationId`
    CorrelationId,
    /// `description`
    Description,
    /// `eventDataId`
    EventDataId,
    /// `eventTimestamp`
    EventTimestamp,
    /// `id`
    Id,
    /// `level`
    Level,
    /// `operationId`
    OperationId,
    /// `resourceGroupName`
    ResourceGroupName,
    /// `resourceId`, formerly `resourceUri`
    ResourceId,
    /// `submissionTimestamp`
    SubmissionTimestamp,
    /// `subscriptionId`
    SubscriptionId,
    /// `tenantId`
    TenantId,
    /// `time`, the Event Hub name of `eventTimestamp`
    Time,
}

impl Field {
    pub(super) const COUNT: usize = 15;
}

/// A localizable field: `{"value", "localizedValue"}`, or plain text in old records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Label<'a> {
    value: Option<Text<'a>>,
    localized: Option<Text<'a>>,
}

impl<'a> Label<'a> {
    /// `category`, formerly `eventSource`.
    pub const CATEGORY: usize = 0;
    /// `eventName`.
    pub const EVENT_NAME: usize = 1;
    /// `operationName`.
    pub const OPERATION_NAME: usize = 2;
    /// `resourceProviderName`.
    pub const RESOURCE_PROVIDER: usize = 3;
    /// `resourceType`.
    pub const RESOURCE_TYPE: usize = 4;
    /// `status`.
    pub const STATUS: usize = 5;
    /// `subStatus`.
    pub const SUB_STATUS: usize = 6;
    pub(super) const COUNT: usize = 7;

    pub(super) fn read(&mut self, scanner: &mut Scanner<'a>) -> Option<()> {
        *self = Label::default();
        scanner.members(|scanner, key| {
            let value = scanner.value()?;
            if key.is("value") {
                self.value = match value.shape() {
                    Shape::Number(digits) => Some(Text::plain(digits)),
                    _ => value.text(),
                };
            } else if key.is("localizedValue") {
                self.localized = value.text();
            }
            Some(())
        })
    }

    pub(super) fn plain(&mut self, text: Text<'a>) {
        self.value = text.trimmed();
    }

    /// What programs go by.
    pub fn value(self) -> Option<Text<'a>> {
        self.value
    }

    /// What people read.
    pub fn localized(self) -> Option<Text<'a>> {
        self.localized
    }
}

/// Where a member of a record belongs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    Field(Field),
    Label(usize),
    Part(Part),
}

/// The names as Azure writes them, and old ones, by their length: a look-up then compares with a few at most.
const fn names(length: usize) -> &'static [(&'static str, Known)] {
    match length {
        2 => &[("id", Known::Field(Field::Id))],
        4 => &[("time", Known::Field(Field::Time))],
        5 => &[("level", Known::Field(Field::Level))],
        6 => &[
            ("caller", Known::Field(Field::Caller)),
            ("claims", Known::Part(Part::Claims)),
            ("status", Known::Label(Label::STATUS)),
        ],
        8 => &[
            ("category", Known::Label(Label::CATEGORY)),
            ("channels", Known::Field(Field::Channels)),
            ("tenantId", Known::Field(Field::TenantId)),
        ],
        9 => &[
            ("eventName", Known::Label(Label::EVENT_NAME)),
            ("subStatus", Known::Label(Label::SUB_STATUS)),
        ],
        10 => &[
            ("properties", Known::Part(Part::Properties)),
            ("resourceId", Known::Field(Field::ResourceId)),
        ],
        11 => &[
            ("description", Known::Field(Field::Description)),
            ("eventDataId", Known::Field(Field::EventDataId)),
            ("eventSource", Known::Label(Label::CATEGORY)),
            ("httpRequest", Known::Part(Part::HttpRequest)),
            ("operationId", Known::Field(Field::OperationId)),
            ("resourceUri", Known::Field(Field::ResourceId)),
        ],
        12 => &[("resourceType", Known::Label(Label::RESOURCE_TYPE))],
        13 => &[
            ("authorization", Known::Part(Part::Authorization)),
            ("correlationId", Known::Field(Field::CorrelationId)),
            ("operationName", Known::Label(Label::OPERATION_NAME)),
        ],
        14 => &[
            ("eventTimestamp", Known::Field(Field::EventTimestamp)),
            ("subscriptionId", Known::Field(Field::SubscriptionId)),
        ],
        17 => &[("resourceGroupName", Known::Field(Field::ResourceGroupName))],
        19 => &[("submissionTimestamp", Known::Field(Field::SubmissionTimestamp))],
        20 => &[("resourceProviderName", Known::Label(Label::RESOURCE_PROVIDER))],
        _ => &[],
    }
}

/// Finds a member's place by its name, whatever the letter case. Names with escapes in them are not known.
pub(super) fn find(key: Text<'_>) -> Option<Known> {
    names(key.raw().len())
        .iter()
        .find(|(name, _)| key.is(name))
        .map(|(_, known)| *known)
}
