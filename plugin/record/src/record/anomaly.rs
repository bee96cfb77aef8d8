/// Something unusual about a record that was absorbed. Counted by kind, so that drift upstream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anomaly {
    /// Bytes that are not UTF-8; each is U+FFFD in the event.
    InvalidUtf8,
    /// Control characters or halves of surrogate pairs in strings; repaired in the event.
    RepairedText,
    /// Neither `eventDataId` nor `id`: identified by a hash of its bytes.
    HashedId,
    /// `eventTimestamp` is missing or no instant; the time is another field's.
    OtherTime,
    /// `level` is a number or no known word.
    OddLevel,
    /// A category beyond the eight, or none.
    OddCategory,
    /// Plain text where `{value, localizedValue}` is usual.
    PlainText,
    /// A known member of some other shape than usual.
    OddShape,
    /// A member that is not known.
    UnknownMember,
    /// Nested deeper than the limit.
    TooDeep,
    /// An address that is no IP address.
    OddAddress,
    /// JSON text that cannot be read, where some was expected.
    BrokenJsonText,
}

impl Anomaly {
    /// How many kinds there are.
    pub const COUNT: usize = Anomaly::ALL.len();

    /// Every kind, in order.
    pub const ALL: [Anomaly; 12] = [
        Anomaly::InvalidUtf8,
        Anomaly::RepairedText,
        Anomaly::HashedId,
        Anomaly::OtherTime,
        Anomaly::OddLevel,
        Anomaly::OddCategory,
        Anomaly::PlainText,
        Anomaly::OddShape,
        Anomaly::UnknownMember,
        Anomaly::TooDeep,
        Anomaly::OddAddress,
        Anomaly::BrokenJsonText,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Anomaly::InvalidUtf8 => "invalid_utf8",
            Anomaly::RepairedText => "repaired_text",
            Anomaly::HashedId => "hashed_id",
            Anomaly::OtherTime => "other_time",
            Anomaly::OddLevel => "odd_level",
            Anomaly::OddCategory => "odd_category",
            Anomaly::PlainText => "plain_text",
            Anomaly::OddShape => "odd_shape",
            Anomaly::UnknownMember => "unknown_member",
            Anomaly::TooDeep => "too_deep",
            Anomaly::OddAddress => "odd_address",
            Anomaly::BrokenJsonText => "broken_json_text",
        }
    }
}

/// The oddities of one record, each at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities(u16);

impl Oddities {
    /// Notes one.
    pub fn note(&mut self, oddity: Anomaly) {
        self.0 |= 1 << oddity as u16;
    }

    /// Notes one if it is there.
    pub fn note_if(&mut self, there: bool, oddity: Anomaly) {
        self.0 |= u16::from(there) << oddity as u16;
    }

    /// Whether one is there.
    pub fn has(self, oddity: Anomaly) -> bool {
        self.0 & 1 << oddity as u16 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
