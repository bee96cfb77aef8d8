use super::Part;
use crate::json::{Member, Scanner, Shape, Text, Value, bytes};

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
pub struct LocalizableString<'a> {
    value: Value<'a>,
    localized: Value<'a>,
}

impl<'a> LocalizableString<'a> {
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
        let start = scanner.position();
        if self.read_usual(scanner).is_some() {
            return Some(());
        }
        scanner.return_to(start);
        self.read_any(scanner)
    }

    /// Reads it as Azure writes it, where no name has to be looked up.
    #[inline(always)]
    fn read_usual(&mut self, scanner: &mut Scanner<'a>) -> Option<()> {
        scanner.expect_all(b"{\"value\":")?;
        self.value = scanner.value()?;
        scanner.expect_all(b",\"localizedValue\":")?;
        self.localized = scanner.value()?;
        scanner.expect(b'}')
    }

    #[cold]
    fn read_any(&mut self, scanner: &mut Scanner<'a>) -> Option<()> {
        *self = LocalizableString::default();
        let mut members = Vec::new();
        let passed = scanner.collect(&mut members);
        for Member { key, value } in members {
            if key.is("value") {
                self.value = value;
            } else if key.is("localizedValue") {
                self.localized = value;
            }
        }
        passed
    }

    /// Takes text or a number where an object is usual.
    pub(super) fn plain(&mut self, value: Value<'a>) {
        self.value = value;
    }

    /// What programs go by, which has been met as a number.
    #[inline(always)]
    pub fn value(&self) -> Option<Text<'a>> {
        match self.value.shape() {
            Shape::Number(digits) => Some(Text::plain(digits)),
            _ => self.value.text(),
        }
    }

    /// What people read.
    pub fn localized(&self) -> Option<Text<'a>> {
        self.localized.text()
    }
}

/// Where a member of a record belongs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    Field(Field),
    LocalizableString(usize),
    Part(Part),
}

/// The names as Azure writes them, and old ones.
const NAMES: [(&str, Known); 28] = [
    ("authorization", Known::Part(Part::Authorization)),
    ("caller", Known::Field(Field::Caller)),
    ("category", Known::LocalizableString(LocalizableString::CATEGORY)),
    ("channels", Known::Field(Field::Channels)),
    ("claims", Known::Part(Part::Claims)),
    ("correlationId", Known::Field(Field::CorrelationId)),
    ("description", Known::Field(Field::Description)),
    ("eventDataId", Known::Field(Field::EventDataId)),
    (
        "eventName",
        Known::LocalizableString(LocalizableString::EVENT_NAME),
    ),
    (
        "eventSource",
        Known::LocalizableString(LocalizableString::CATEGORY),
    ),
    ("eventTimestamp", Known::Field(Field::EventTimestamp)),
    ("httpRequest", Known::Part(Part::HttpRequest)),
    ("id", Known::Field(Field::Id)),
    ("level", Known::Field(Field::Level)),
    ("operationId", Known::Field(Field::OperationId)),
    (
        "operationName",
        Known::LocalizableString(LocalizableString::OPERATION_NAME),
    ),
    ("properties", Known::Part(Part::Properties)),
    ("resourceGroupName", Known::Field(Field::ResourceGroupName)),
    ("resourceId", Known::Field(Field::ResourceId)),
    (
        "resourceProviderName",
        Known::LocalizableString(LocalizableString::RESOURCE_PROVIDER),
    ),
    (
        "resourceType",
        Known::LocalizableString(LocalizableString::RESOURCE_TYPE),
    ),
    ("resourceUri", Known::Field(Field::ResourceId)),
    ("status", Known::LocalizableString(LocalizableString::STATUS)),
    ("submissionTimestamp", Known::Field(Field::SubmissionTimestamp)),
    ("subscriptionId", Known::Field(Field::SubscriptionId)),
    (
        "subStatus",
        Known::LocalizableString(LocalizableString::SUB_STATUS),
    ),
    ("tenantId", Known::Field(Field::TenantId)),
    ("time", Known::Field(Field::Time)),
];

/// Which of the names may be in each slot. No two of them share one, so that a look-up compares with one at most.
const SLOTS: [u8; 64] = slots();

/// In an empty slot.
const NONE: u8 = u8::MAX;

const fn slots() -> [u8; 64] {
    let mut slots = [NONE; 64];
    let mut index = 0;
    while index < NAMES.len() {
        let slot = slot(NAMES[index].0.as_bytes());
        assert!(
            slots[slot] == NONE,
            "two names share a slot: choose other factors"
        );
        slots[slot] = index as u8;
        index += 1;
    }
    slots
}

/// The slot of a name that is not empty, whatever its letter case. The factors were found by trying.
const fn slot(name: &[u8]) -> usize {
    let (first, last) = (name[0] | 0x20, name[name.len() - 1] | 0x20);
    (name.len() + 15 * first as usize + 7 * last as usize) % 64
}

/// Finds a member's place by its name, whatever the letter case. Names with escapes in them are not known.
#[inline(always)]
pub(super) fn find(key: Text<'_>) -> Option<Known> {
    let raw = key.raw();
    if raw.is_empty() {
        return None;
    }
    let (name, known) = NAMES.get(usize::from(SLOTS[slot(raw)]))?;
    let found = bytes::same(raw, name.as_bytes()) || name.len() == raw.len() && key.is(name);
    found.then_some(*known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_letter_case_and_no_other() {
        let found = |name: &str| find(Text::plain(name.as_bytes())).map(|known| format!("{known:?}"));
        for (name, known) in NAMES {
            let known = Some(format!("{known:?}"));
            assert_eq!(found(name), known, "{name}");
            assert_eq!(found(&name.to_ascii_uppercase()), known, "{name}");
            assert_eq!(found(&name[1..]), None, "{name}");
            assert_eq!(
                found(&format!("{name}{}", &name[name.len() - 1..])),
                None,
                "{name}"
            );
        }
        assert_eq!(found(""), None);
    }
}
